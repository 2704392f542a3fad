// How query, key and value of a layer lie, for the attention kernels.
#pragma once

#include "encoder.h"
#include "launch_attention.h"

namespace lrdist::cuda {

template <class T>
struct Projections {
  T *q, *k, *v;
  int64_t ld_q, ld_kv;
};

template <class T>
Projections<T> projections(const LayerActivations<T>& a, int64_t h) {
  if (!a.key) return {a.query, a.query + h, a.query + 2 * h, 3 * h, 3 * h};
  if (!a.value) return {a.query, a.key, a.key + h, h, 2 * h};
  return {a.query, a.key, a.value, h, h};
}

template <class T>
Attention<T> attention_of(const Pass& pass, int64_t layer, bool wanted, const LayerActivations<T>& activations) {
  const ModelSpec& m = pass.layout.model;
  const LayerTensors& t = pass.layout.layers[static_cast<size_t>(layer)];
  const Projections<T> p = projections(activations, m.hidden);
  const Rows rows = wanted ? pass.batch.wanted() : pass.batch.tokens();
  Attention<T> a{};
  a.heads = static_cast<int>(m.heads);
  a.head_dim = static_cast<int>(m.hidden / m.heads);
  a.cu_q = pass.batch.at(wanted ? pass.batch.layout.wanted_cu : pass.batch.layout.cu);
  a.cu_k = pass.batch.at(pass.batch.layout.cu);
  a.q = p.q;
  a.k = p.k;
  a.v = p.v;
  a.ld_q = p.ld_q;
  a.ld_kv = p.ld_kv;
  a.stride_q = p.ld_q * rows.padded;
  a.stride_kv = p.ld_kv * pass.batch.bucket.tokens;
  a.bias_q = pass.at(t.query_bias);
  a.bias_k = pass.at(t.key_bias);
  a.bias_v = pass.at(t.value_bias);
  a.bias_stride = pass.weights.stride;
  a.query_rows = rows;
  a.dropout = pass.dropout_at(m.attention_dropout, kernels::site_attention(layer));
  a.context = activations.context_NH;
  a.context_stride = rows.padded * m.hidden;
  a.tf32 = pass.device.facts().tf32;
  a.log_sum = activations.log_sum;
  return a;
}

}  // namespace lrdist::cuda
