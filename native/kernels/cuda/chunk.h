// How passes over the arena split their work: one block for each chunk of each replica.
#pragma once

#include "kernel.h"

namespace lrdist::cuda {

// A part of one tensor; of the word embedding, whole rows.
struct Chunk {
  long long begin;  // in the arena
  int length, tensor;
};
inline constexpr int chunk_length = 8192;    // at most, but for a row that is longer
inline constexpr int chunk_rows = 32;        // of the word embedding, at most
inline constexpr int chunk_threads = 256;

enum TensorFlags : unsigned {
  tensor_anchored = 1,  // has an anchor
  tensor_mixed = 2,     // Mixout draws its columns
  tensor_masked = 4,    // Child-Tuning masks its gradient
  tensor_word = 8       // the word embedding
};

struct TensorFacts {
  long long offset;
  int columns;
  int column_numbers;  // of a mixed tensor: where its draws begin
  int group;           // -1: none
  unsigned hash, flags;
};

// The chunks of the tensors that a pass works on, of replicas blockIdx.y.
struct Chunks {
  const Chunk* chunks;
  const TensorFacts* tensors;
  int count;         // of chunks
  int tensor_count;  // of the layout
};

// Which rows of the word embedding have a gradient in this step: those with stamp[row] = *step + 1 (0: never had one), or all.
struct WordState {
  const unsigned* stamp;
  const unsigned* step;
  unsigned char* touched;  // [replicas][vocab]: had a gradient before; null where that does not matter
  int vocab, width;
  bool dense;
};

}  // namespace lrdist::cuda
