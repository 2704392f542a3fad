// What one forward and backward over a batch needs to know, for all replicas. Everything in it stays where it is while graphs that use it are alive.
#pragma once

#include <type_traits>
#include <vector>

#include "../bert.h"
#include "arena.h"
#include "device.h"
#include "device_batch.h"

namespace lrdist::cuda {

// The weights that a pass reads: [K] arenas, and their copies in bf16 (element i of an arena is low[i - low_begin]).
struct Weights {
  const float* data;
  int64_t stride;
  const bfloat* low = nullptr;
  int64_t low_begin = 0, low_stride = 0;
};

// The gradient arenas [K] and which tensors the step has written so far: a first write overwrites, later ones add.
struct GradientArena {
  float* data;
  int64_t stride;
  std::vector<uint8_t> written;
  bool word_dense = false;  // the word embedding's gradient is written as a whole, by a tied decoder
};

struct Pass {
  Device& device;
  const Layout& layout;
  Arena& arena;
  DeviceBatch batch;
  Weights weights;
  GradientArena& gradients;
  int64_t replicas;
  uint64_t seed;
  const unsigned* step;  // of the dropout stream
  bool dropout;

  const TensorPlace& tensor(int32_t t) const { return layout.tensors[static_cast<size_t>(t)]; }
  const float* at(int32_t t) const { return weights.data + tensor(t).offset; }
  // A weight [n, k] as a factor of products of type T; n may reach over the weights that follow it.
  template <class T>
  Matrices factor(int32_t t, int64_t n, int64_t k) const {
    if constexpr (std::is_same_v<T, float>) return matrix(t, n, k);
    else return {const_cast<bfloat*>(weights.low) + tensor(t).offset - weights.low_begin, Type::bf16, n, k, k, weights.low_stride};
  }
  Matrices matrix(int32_t t, int64_t n, int64_t k) const { return {const_cast<float*>(at(t)), Type::f32, n, k, k, weights.stride}; }

  Dropout dropout_at(double probability, uint32_t site) const {
    const kernels::Dropout d = kernels::make_dropout(dropout ? probability : 0, seed, 0, site);
    return {d.threshold, d.scale, d.key0, d.key1, site, step};
  }

  // Where a tensor's gradient goes now.
  Columns gradient(int32_t t) const {
    uint8_t& written = gradients.written[static_cast<size_t>(t)];
    const bool accumulate = written != 0;
    written = 1;
    return {gradients.data + tensor(t).offset, gradients.stride, accumulate};
  }
  // The same if the tensor learns; nowhere else.
  Columns gradient_if(int32_t t, const Learning& learning) const { return learning(t) ? gradient(t) : Columns{nullptr, 0, false}; }
};

template <class T>
constexpr Type type_of = std::is_same_v<T, float> ? Type::f32 : Type::bf16;

template <class T>
Each<T> each(std::type_identity_t<T>* data, int64_t stride, bool shared = false) {
  return {data, shared ? 0 : stride};
}

// Matrices [rows, columns] without gaps, one for each replica or one for all.
template <class T>
Matrices matrices(const T* data, int64_t rows, int64_t columns, bool shared = false) {
  return {const_cast<T*>(data), type_of<T>, rows, columns, columns, shared ? 0 : rows * columns};
}

// y [rows, n] = x w^T
template <class T>
void product(const Pass& pass, const Matrices& x, const Matrices& w, T* y, int64_t replicas) {
  pass.device.multiply(matrices(y, x.rows, w.rows), x, false, w, true, replicas, false);
}
// dx [rows, k] (+)= dy w; fp32 if it is added to what is there
template <class U>
void input_product(const Pass& pass, const Matrices& dy, const Matrices& w, U* dx, bool add) {
  pass.device.multiply(matrices(dx, dy.rows, w.columns), dy, false, w, false, pass.replicas, add);
}
// The gradient of a weight [n, k]: dy^T x. `count` weights lie one after the other.
inline void weight_product(const Pass& pass, const Matrices& dy, const Matrices& x, int32_t tensor, const Learning& learning) {
  if (!learning(tensor)) return;
  const Columns to = pass.gradient(tensor);
  pass.device.multiply({to.to, Type::f32, dy.columns, x.columns, x.columns, to.stride}, dy, true, x, false, pass.replicas, to.accumulate);
}

}  // namespace lrdist::cuda
