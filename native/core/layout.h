// Which tensor lies where in the arena. One replica is one run of `size` floats; each tensor starts at a multiple of 16 floats
// (64 bytes). Query, key and value lie side by side so that one matrix product serves all three where their sizes allow it.
#pragma once

#include <string>
#include <vector>

#include "engine.h"

namespace lrdist {

struct TensorPlace {
  std::string name;
  std::vector<int64_t> shape;
  int64_t offset, size;
  enum class Init { normal, one, zero } init;
};

struct LayerTensors {
  int32_t query, key, value, query_bias, key_bias, value_bias;
  int32_t output, output_bias, norm1, norm1_bias;
  int32_t up, up_bias, down, down_bias, norm2, norm2_bias;
};

struct HeadTensors {
  int32_t weight = -1, bias = -1;                                                  // classification
  int32_t transform = -1, transform_bias = -1, norm = -1, norm_bias = -1;          // masked-lm; its decoder is the word embedding
};

struct Layout {
  explicit Layout(const ModelSpec& model);
  // Appends the head's tensors; earlier offsets stay.
  void add_head(const HeadSpec& head);

  ModelSpec model;
  std::vector<TensorPlace> tensors;
  int32_t word, position, type, embedding_norm, embedding_norm_bias;
  std::vector<LayerTensors> layers;
  int32_t pooler = -1, pooler_bias = -1;
  std::vector<HeadSpec> head_specs;
  std::vector<HeadTensors> heads;
  int64_t size = 0;

  // Where the part of an arena begins that a task uses as a whole: of a large word embedding it uses some rows only.
  int64_t dense_begin() const {
    constexpr int64_t small = int64_t{32} << 20;
    const int64_t end = tensors[static_cast<size_t>(position)].offset;
    return end * 4 <= small ? 0 : end;
  }
  // Where the weights begin that are factors of products; the embeddings before them are looked up.
  int64_t factors_begin() const { return tensors[static_cast<size_t>(layers.front().query)].offset; }
  int64_t count() const { return static_cast<int64_t>(tensors.size()); }
  // True if query, key, value (weights and biases) are each one run without gaps.
  bool fused_qkv() const { return fused_; }

 private:
  int32_t add(const std::string& name, std::vector<int64_t> shape, TensorPlace::Init init);
  bool fused_ = false;
};

Layout make_layout(const SessionSpec& spec);

// FNV-1a of a parameter's name, for random streams that belong to it.
uint32_t name_hash(const std::string& name);

}  // namespace lrdist
