// One layer of the encoder, forward and backward, over packed tokens. T is the type of what matrix products read and write, float or
// bf16; the residual stream, norms and their gradients are fp32. Shapes in names: T tokens (padded), N wanted tokens (padded),
// H hidden, I intermediate.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

#include <type_traits>

#include "bert.h"

namespace lrdist {

// Hidden states in fp32, and as a factor of products: the same tensor in fp32, a rounded copy in bf16.
struct Hidden {
  at::Tensor x, factor;
};

// A gradient of hidden states as a sum: what came along the residual stream (fp32) and out of a product (T; may be undefined).
struct HiddenGradient {
  at::Tensor residual, product;
};

// `wanted`: the tokens to compute the output for; null for all. Activations are kept if asked for.
template <class T>
Hidden layer_forward(const Pass& pass, int64_t layer, const Batch& batch, const Hidden& x_TH, const Selection* wanted, LayerActivations* kept);

// Adds the gradients of the layer's learning tensors. Returns the gradient of its input, or nothing unless `below`.
template <class T>
HiddenGradient layer_backward(const Pass& pass, int64_t layer, const Batch& batch, const Selection* wanted, const LayerActivations& a, const HiddenGradient& dy,
                              bool below, const Learning& learning, Gradients& gradients);

// --- shared by both directions

inline kernels::Rows rows_of(const Batch& b) { return {b.tokens(), b.padded(), b.position.data(), b.slot.data()}; }
inline kernels::Rows rows_of(const Selection& s) { return {s.count(), s.padded(), s.position.data(), s.slot.data()}; }

template <class T>
T* data(const at::Tensor& t) {
  return reinterpret_cast<T*>(t.mutable_data_ptr());
}
template <class T>
T* data_or_null(const at::Tensor& t) {
  return t.defined() ? data<T>(t) : nullptr;
}

template <class T>
at::Tensor empty(at::IntArrayRef sizes) {
  return at::empty(sizes, at::TensorOptions().dtype(std::is_same_v<T, float> ? at::kFloat : at::kBFloat16));
}

// Where a kernel sums the gradient of a bias or of a norm's parameter; nowhere if that does not learn.
inline kernels::ColumnTarget column_target(int32_t tensor, const Learning& learning, Gradients& gradients) {
  if (!learning(tensor)) return {};
  const GradientTarget target = gradients.target(tensor);
  return {target.data, target.accumulate};
}

// The layout of query, key and value of one layer: one tensor [T, 3H], or query [N, H] beside key-value [T, 2H], or three.
template <class T>
struct Projections {
  T *q, *k, *v;
  int64_t ld_q, ld_kv;
};

template <class T>
Projections<T> projections(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value, int64_t h) {
  if (!key.defined()) return {data<T>(query), data<T>(query) + h, data<T>(query) + 2 * h, 3 * h, 3 * h};
  if (!value.defined()) return {data<T>(query), data<T>(key), data<T>(key) + h, h, 2 * h};
  return {data<T>(query), data<T>(key), data<T>(value), h, h};
}

template <class T>
kernels::Attention<T> attention(const Pass& pass, int64_t layer, const Batch& batch, const Selection* wanted, const LayerActivations& activations) {
  const ModelSpec& m = pass.layout.model;
  const LayerTensors& t = pass.layout.layers[static_cast<size_t>(layer)];
  const Projections<T> p = projections<T>(activations.query, activations.key, activations.value, m.hidden);
  kernels::Attention<T> a;
  a.sequences = batch.rows();
  a.heads = m.heads;
  a.head_dim = m.hidden / m.heads;
  a.cu_q = wanted ? wanted->cu.data() : batch.cu.data();
  a.cu_k = batch.cu.data();
  a.q = p.q;
  a.k = p.k;
  a.v = p.v;
  a.ld_q = p.ld_q;
  a.ld_kv = p.ld_kv;
  a.bias_q = pass.at(t.query_bias);
  a.bias_k = pass.at(t.key_bias);
  a.bias_v = pass.at(t.value_bias);
  a.query_rows = wanted ? rows_of(*wanted) : rows_of(batch);
  a.dropout = pass.dropout_at(m.attention_dropout, kernels::site_attention(layer));
  return a;
}

}  // namespace lrdist
