// Passes over chunks: four elements at once where they lie so, and what is known of word rows.
#pragma once

#include "chunk.h"
#include "device.cuh"

namespace lrdist::cuda {

template <int N>
struct LaneCount {
  static constexpr int value = N;
};

// Calls f(LaneCount<N>, i) for the elements i .. i + N - 1 of a chunk; N is 4 or 1.
template <class F>
DEVICE void for_lanes(int length, bool vectors, const F& f) {
  const int threads = static_cast<int>(blockDim.x), thread = static_cast<int>(threadIdx.x);
  const int whole = vectors ? length / 4 * 4 : 0;
  for (int i = thread * 4; i < whole; i += threads * 4) f(LaneCount<4>{}, i);
  for (int i = whole + thread; i < length; i += threads) f(LaneCount<1>{}, i);
}

enum RowState : unsigned { row_has_gradient = 1, row_touched = 2 };

// The rows of a chunk of the word embedding; for other tensors one row that has a gradient and had one before.
struct ChunkRows {
  const unsigned char* states;  // null: another tensor
  int first, count, width;

  DEVICE unsigned of(int element) const { return states ? states[element / width] : row_has_gradient | row_touched; }
  DEVICE bool vectors() const { return !states || width % 4 == 0; }
};

// states: shared memory for chunk_rows. All threads of the block call it.
DEVICE ChunkRows rows_of(const Chunk& chunk, const TensorFacts& tensor, const WordState& word, int replica, unsigned char* states) {
  if (!(tensor.flags & tensor_word)) return {nullptr, 0, 1, chunk.length};
  const int first = static_cast<int>((chunk.begin - tensor.offset) / word.width), count = chunk.length / word.width;
  const int thread = static_cast<int>(threadIdx.x);
  if (thread < count) {
    const int row = first + thread;
    const bool has = word.dense || word.stamp[row] == *word.step + 1;
    const bool touched = word.touched && word.touched[static_cast<long long>(replica) * word.vocab + row] != 0;
    states[thread] = static_cast<unsigned char>((has ? row_has_gradient : 0u) | (touched ? row_touched : 0u));
  }
  __syncthreads();
  return {states, first, count, word.width};
}

}  // namespace lrdist::cuda
