#include "bert.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <cstring>

#include "profile.h"

namespace lrdist {
namespace {

using at::Tensor;
using kernels::Rows;

float* data(const Tensor& t) { return t.mutable_data_ptr<float>(); }

Rows rows_of(const Batch& b) { return {b.tokens(), b.padded(), b.position.data(), b.slot.data()}; }
Rows rows_of(const Selection& s) { return {s.count(), s.padded(), s.position.data(), s.slot.data()}; }

// The layout of query, key and value of one layer: one tensor [T, 3H], or query [N, H] beside key-value [T, 2H], or three.
struct Projections {
  float *q, *k, *v;
  int64_t ld_q, ld_kv;
};

Projections projections(const Tensor& query, const Tensor& key, const Tensor& value, int64_t h) {
  if (!key.defined()) return {data(query), data(query) + h, data(query) + 2 * h, 3 * h, 3 * h};
  if (!value.defined()) return {data(query), data(key), data(key) + h, h, 2 * h};
  return {data(query), data(key), data(value), h, h};
}

kernels::Attention<float> attention(const Pass& pass, int64_t layer, const Batch& batch, const Selection* wanted, const Projections& p) {
  const ModelSpec& m = pass.layout.model;
  const LayerTensors& t = pass.layout.layers[static_cast<size_t>(layer)];
  kernels::Attention<float> a;
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

Tensor layer_forward(const Pass& pass, int64_t layer, const Batch& batch, const Tensor& x_TH, const Selection* wanted, LayerActivations* kept) {
  const profile::Phase phase("layer forward", layer);
  const ModelSpec& m = pass.layout.model;
  const LayerTensors& t = pass.layout.layers[static_cast<size_t>(layer)];
  const Product& product = pass.product;
  const int64_t h = m.hidden;
  const float eps = static_cast<float>(m.layer_norm_eps);
  const Rows rows = wanted ? rows_of(*wanted) : rows_of(batch);

  LayerActivations a;
  a.x_TH = x_TH;
  Tensor x_NH = x_TH;
  if (wanted) {
    x_NH = at::empty({rows.padded, h});
    kernels::gather_rows(data(x_TH), wanted->token.data(), rows.count, rows.padded, h, data(x_NH));
    a.x_NH = x_NH;
  }
  if (pass.layout.fused_qkv() && !wanted) {
    a.query = product.forward(x_TH, pass.matrix(t.query, 3 * h, h));
  } else {
    a.query = product.forward(x_NH, pass.matrix(t.query, h, h));
    if (pass.layout.fused_qkv()) {
      a.key = product.forward(x_TH, pass.matrix(t.key, 2 * h, h));
    } else {
      a.key = product.forward(x_TH, pass.matrix(t.key, h, h));
      a.value = product.forward(x_TH, pass.matrix(t.value, h, h));
    }
  }
  a.context_NH = at::empty({rows.padded, h});
  kernels::attention_forward(attention(pass, layer, batch, wanted, projections(a.query, a.key, a.value, h)), data(a.context_NH));

  const auto norms = [&](Tensor& xhat, Tensor& rstd) {
    if (!kept) return;
    xhat = at::empty({rows.padded, h});
    rstd = at::empty({rows.padded});
  };
  const auto or_null = [](const Tensor& x) { return x.defined() ? data(x) : nullptr; };

  const Tensor projected = product.forward(a.context_NH, pass.matrix(t.output, h, h));
  norms(a.xhat1_NH, a.rstd1);
  a.h_NH = at::empty({rows.padded, h});
  kernels::bias_dropout_residual_norm(data(projected), pass.at(t.output_bias), data(x_NH), pass.at(t.norm1), pass.at(t.norm1_bias), eps,
                                      pass.dropout_at(m.hidden_dropout, kernels::site_attention_output(layer)), rows, h, data(a.h_NH), nullptr,
                                      or_null(a.xhat1_NH), or_null(a.rstd1));

  a.u_NI = product.forward(a.h_NH, pass.matrix(t.up, m.intermediate, h));
  a.g_NI = kept ? at::empty({rows.padded, m.intermediate}) : a.u_NI;
  kernels::bias_gelu(data(a.u_NI), pass.at(t.up_bias), rows, m.intermediate, data(a.g_NI));

  const Tensor down = product.forward(a.g_NI, pass.matrix(t.down, h, m.intermediate));
  norms(a.xhat2_NH, a.rstd2);
  const Tensor y = at::empty({rows.padded, h});
  kernels::bias_dropout_residual_norm(data(down), pass.at(t.down_bias), data(a.h_NH), pass.at(t.norm2), pass.at(t.norm2_bias), eps,
                                      pass.dropout_at(m.hidden_dropout, kernels::site_feed_forward(layer)), rows, h, data(y), nullptr,
                                      or_null(a.xhat2_NH), or_null(a.rstd2));
  if (kept) *kept = std::move(a);
  return y;
}

void weight_gradient(const Pass& pass, const Tensor& dy, const Tensor& x, int32_t tensor, const Learning& learning, Gradients& gradients) {
  if (!learning(tensor)) return;
  const GradientTarget target = gradients.target(tensor);
  pass.product.backward_weight(dy, x, target.data, target.accumulate);
}

// Where a kernel sums the gradient of a bias or of a norm's parameter; nowhere if that does not learn.
kernels::ColumnTarget sums_of(int32_t tensor, const Learning& learning, Gradients& gradients) {
  if (!learning(tensor)) return {};
  const GradientTarget target = gradients.target(tensor);
  return {target.data, target.accumulate};
}

// d [count, parts * H] is the gradient of joint projections of x, one part for each (weight, bias).
void projection_gradients(const Pass& pass, const Tensor& d, int64_t count, const Tensor& x, std::initializer_list<std::pair<int32_t, int32_t>> tensors,
                          const Learning& learning, Gradients& gradients) {
  const int64_t h = pass.layout.model.hidden;
  bool weights = false, uniform = true;
  const std::pair<int32_t, int32_t> first = *tensors.begin();
  for (const auto& [weight, bias] : tensors) {
    weights = weights || learning(weight);
    uniform = uniform && learning(weight) && gradients.written(weight) == gradients.written(first.first);
  }
  if (weights && uniform && tensors.size() > 1) {  // one product for all of them
    const GradientTarget target = gradients.target(first.first);
    for (const auto& [weight, bias] : tensors) gradients.target(weight);
    pass.product.backward_weight(d, x, target.data, target.accumulate);
  } else {
    int64_t column = 0;
    for (const auto& [weight, bias] : tensors) {
      if (learning(weight)) weight_gradient(pass, d.narrow(1, column, h), x, weight, learning, gradients);
      column += h;
    }
  }
  std::vector<float> sums(static_cast<size_t>(d.size(1)));
  bool biases = false;
  for (const auto& [weight, bias] : tensors) biases = biases || learning(bias);
  if (!biases) return;
  kernels::column_sums(data(d), count, d.size(1), sums.data(), false);
  const float* from = sums.data();
  for (const auto& [weight, bias] : tensors) {
    if (learning(bias)) {
      const GradientTarget target = gradients.target(bias);
      if (target.accumulate) kernels::add(target.data, from, h);
      else kernels::copy(target.data, from, h);
    }
    from += h;
  }
}

void zero_rows(const Tensor& x, int64_t count) { std::fill(data(x) + count * x.size(1), data(x) + x.numel(), 0.0f); }

// dy, dy2: gradient of the layer's output as a sum of two (the second may be undefined). Returns the gradient of its input in the
// same form, or nothing if nothing below learns.
struct TwoTensors {
  Tensor first, second;
};

TwoTensors layer_backward(const Pass& pass, int64_t layer, const Batch& batch, const Selection* wanted, const LayerActivations& a, TwoTensors dy, bool below,
                          const Learning& learning, Gradients& gradients) {
  const profile::Phase phase("layer backward", layer);
  const ModelSpec& m = pass.layout.model;
  const LayerTensors& t = pass.layout.layers[static_cast<size_t>(layer)];
  const Product& product = pass.product;
  const int64_t h = m.hidden;
  const Rows rows = wanted ? rows_of(*wanted) : rows_of(batch);
  const auto or_null = [](const Tensor& x) { return x.defined() ? data(x) : nullptr; };

  // How far down this layer the gradient is needed.
  const bool to_projections = below || learning.any({t.query, t.key, t.value, t.query_bias, t.key_bias, t.value_bias});
  const bool to_output = to_projections || learning.any({t.output, t.output_bias});
  const bool to_norm1 = to_output || learning.any({t.norm1, t.norm1_bias});
  const bool to_up = to_norm1 || learning.any({t.up, t.up_bias});

  // norm2 <- dropout(down) + h
  const kernels::Dropout dropout2 = pass.dropout_at(m.hidden_dropout, kernels::site_feed_forward(layer));
  const Tensor dh = at::empty({rows.padded, h});
  const Tensor ddown = dropout2.active() ? at::empty({rows.padded, h}) : dh;
  kernels::norm_backward(data(dy.first), or_null(dy.second), data(a.xhat2_NH), data(a.rstd2), pass.at(t.norm2), dropout2, rows, h, data(dh), data(ddown),
                         sums_of(t.norm2, learning, gradients), sums_of(t.norm2_bias, learning, gradients), sums_of(t.down_bias, learning, gradients));
  weight_gradient(pass, ddown, a.g_NI, t.down, learning, gradients);
  if (!to_up) return {};

  // feed-forward
  const Tensor du = product.backward_input(ddown, pass.matrix(t.down, h, m.intermediate));
  kernels::gelu_backward(data(du), data(a.u_NI), rows.count, m.intermediate, sums_of(t.up_bias, learning, gradients));
  weight_gradient(pass, du, a.h_NH, t.up, learning, gradients);
  if (!to_norm1) return {};
  const Tensor dh2 = product.backward_input(du, pass.matrix(t.up, m.intermediate, h));

  // norm1 <- dropout(output) + x
  const kernels::Dropout dropout1 = pass.dropout_at(m.hidden_dropout, kernels::site_attention_output(layer));
  const Tensor dresidual = at::empty({rows.padded, h});
  const Tensor doutput = dropout1.active() ? at::empty({rows.padded, h}) : dresidual;
  kernels::norm_backward(data(dh), data(dh2), data(a.xhat1_NH), data(a.rstd1), pass.at(t.norm1), dropout1, rows, h, data(dresidual), data(doutput),
                         sums_of(t.norm1, learning, gradients), sums_of(t.norm1_bias, learning, gradients), sums_of(t.output_bias, learning, gradients));
  weight_gradient(pass, doutput, a.context_NH, t.output, learning, gradients);
  if (!to_projections) return {};
  const Tensor dcontext = product.backward_input(doutput, pass.matrix(t.output, h, h));

  // attention
  Tensor dquery = at::empty(a.query.sizes()), dkey, dvalue;
  if (a.key.defined()) dkey = at::empty(a.key.sizes());
  if (a.value.defined()) dvalue = at::empty(a.value.sizes());
  const Projections d = projections(dquery, dkey, dvalue, h);
  kernels::attention_backward(attention(pass, layer, batch, wanted, projections(a.query, a.key, a.value, h)), data(dcontext), d.q, d.k, d.v);
  zero_rows(dquery, rows.count);
  if (dkey.defined()) zero_rows(dkey, batch.tokens());
  if (dvalue.defined()) zero_rows(dvalue, batch.tokens());
  const Tensor& x_NH = wanted ? a.x_NH : a.x_TH;
  if (!dkey.defined()) {
    projection_gradients(pass, dquery, batch.tokens(), a.x_TH, {{t.query, t.query_bias}, {t.key, t.key_bias}, {t.value, t.value_bias}}, learning, gradients);
  } else {
    projection_gradients(pass, dquery, rows.count, x_NH, {{t.query, t.query_bias}}, learning, gradients);
    if (dvalue.defined()) {
      projection_gradients(pass, dkey, batch.tokens(), a.x_TH, {{t.key, t.key_bias}}, learning, gradients);
      projection_gradients(pass, dvalue, batch.tokens(), a.x_TH, {{t.value, t.value_bias}}, learning, gradients);
    } else {
      projection_gradients(pass, dkey, batch.tokens(), a.x_TH, {{t.key, t.key_bias}, {t.value, t.value_bias}}, learning, gradients);
    }
  }
  if (!below) return {};

  // input
  if (!dkey.defined()) return {product.backward_input(dquery, pass.matrix(t.query, dquery.size(1), h)), dresidual};
  Tensor dx = product.backward_input(dkey, pass.matrix(t.key, dkey.size(1), h));
  if (dvalue.defined()) kernels::add(data(dx), data(product.backward_input(dvalue, pass.matrix(t.value, h, h))), dx.numel());
  const Tensor dx_NH = product.backward_input(dquery, pass.matrix(t.query, dquery.size(1), h));
  if (!wanted) {
    kernels::add(data(dx), data(dx_NH), dx.numel());
    return {dx, dresidual};
  }
  kernels::add(data(dx_NH), data(dresidual), rows.count * h);
  kernels::scatter_add(data(dx_NH), wanted->token.data(), rows.count, h, data(dx));
  return {dx, Tensor()};
}

void embeddings_backward(const Pass& pass, const Batch& batch, const EncoderActivations& kept, TwoTensors dy, const Learning& learning, Gradients& gradients) {
  const profile::Phase phase("embeddings backward");
  const Layout& layout = pass.layout;
  const int64_t h = layout.model.hidden;
  const Rows rows = rows_of(batch);
  if (dy.second.defined()) kernels::add(data(dy.first), data(dy.second), rows.count * h);
  kernels::dropout_rows(data(dy.first), pass.dropout_at(layout.model.hidden_dropout, kernels::site_embeddings), rows, h);
  const Tensor dx = at::empty({rows.padded, h});
  kernels::norm_backward<float>(data(dy.first), nullptr, data(kept.xhat_TH), data(kept.rstd), pass.at(layout.embedding_norm), {}, rows, h, data(dx), nullptr,
                                sums_of(layout.embedding_norm, learning, gradients), sums_of(layout.embedding_norm_bias, learning, gradients));
  if (learning(layout.word)) kernels::scatter_add(data(dx), batch.ids.data(), rows.count, h, gradients.word_table(batch.ids));
  if (learning(layout.position)) kernels::scatter_add(data(dx), batch.position.data(), rows.count, h, gradients.table(layout.position));
  if (learning(layout.type)) kernels::scatter_add(data(dx), batch.types.data(), rows.count, h, gradients.table(layout.type));
}

void append_first_states(const Batch& batch, const Tensor& x, bool wanted_rows, int64_t h, std::vector<float>& out) {
  for (int64_t r = 0; r < batch.rows(); ++r) {
    const float* state = data(x) + (wanted_rows ? batch.wanted.cu[r] : batch.cu[r]) * h;
    out.insert(out.end(), state, state + h);
  }
}

Tensor embeddings_forward(const Pass& pass, const Batch& batch, EncoderActivations* kept) {
  const profile::Phase phase("embeddings forward");
  const Layout& layout = pass.layout;
  const int64_t h = layout.model.hidden;
  const Rows rows = rows_of(batch);
  const Tensor x = at::empty({rows.padded, h});
  if (kept) {
    kept->xhat_TH = at::empty({rows.padded, h});
    kept->rstd = at::empty({rows.padded});
  }
  const kernels::EmbeddingWeights weights{pass.at(layout.word), pass.at(layout.position), pass.at(layout.type), pass.at(layout.embedding_norm),
                                          pass.at(layout.embedding_norm_bias)};
  kernels::embed(batch.ids.data(), batch.types.data(), rows, h, weights, static_cast<float>(layout.model.layer_norm_eps),
                 pass.dropout_at(layout.model.hidden_dropout, kernels::site_embeddings), data(x), nullptr, kept ? data(kept->xhat_TH) : nullptr,
                 kept ? data(kept->rstd) : nullptr);
  return x;
}

Tensor next_layer(const Pass& pass, int64_t layer, const Batch& batch, const Tensor& x, LayerActivations* kept, std::vector<float>* first_states) {
  const Selection* wanted = layer == pass.layout.model.layers - 1 ? &batch.wanted : nullptr;
  const Tensor y = layer_forward(pass, layer, batch, x, wanted, kept);
  if (first_states) append_first_states(batch, y, wanted != nullptr, pass.layout.model.hidden, *first_states);
  return y;
}

}  // namespace

int64_t lowest_learning(const Layout& layout, const Learning& learning) {
  if (learning.any({layout.word, layout.position, layout.type, layout.embedding_norm, layout.embedding_norm_bias})) return -1;
  for (size_t l = 0; l < layout.layers.size(); ++l) {
    const LayerTensors& t = layout.layers[l];
    if (learning.any({t.query, t.key, t.value, t.query_bias, t.key_bias, t.value_bias, t.output, t.output_bias, t.norm1, t.norm1_bias, t.up, t.up_bias, t.down,
                      t.down_bias, t.norm2, t.norm2_bias}))
      return static_cast<int64_t>(l);
  }
  return layout.model.layers;
}

Tensor encoder_forward(const Pass& pass, const Batch& batch, const EncoderOptions& options, EncoderActivations& kept) {
  const int64_t layers = pass.layout.model.layers;
  kept.layers.resize(static_cast<size_t>(layers));
  Tensor x = options.start.x;
  int64_t l = options.start.layer;
  if (l < 0) {
    x = embeddings_forward(pass, batch, options.keep_from < 0 ? &kept : nullptr);
    if (options.first_states) append_first_states(batch, x, false, pass.layout.model.hidden, *options.first_states);
    l = 0;
  }
  for (; l < layers; ++l) {
    LayerActivations* activations = l >= options.keep_from ? &kept.layers[static_cast<size_t>(l)] : nullptr;
    x = next_layer(pass, l, batch, x, activations, options.first_states);
  }
  return x;
}

HiddenStates encoder_prefix(const Pass& pass, const Batch& batch, const HiddenStates& start, int64_t end, std::vector<float>* first_states) {
  HiddenStates at = start;
  if (at.layer < 0 && end >= 0) {
    at = {0, embeddings_forward(pass, batch, nullptr)};
    if (first_states) append_first_states(batch, at.x, false, pass.layout.model.hidden, *first_states);
  }
  for (; at.layer < end; ++at.layer) at.x = next_layer(pass, at.layer, batch, at.x, nullptr, first_states);
  return at;
}

void encoder_backward(const Pass& pass, const Batch& batch, const EncoderActivations& kept, Tensor dy, const Learning& learning, Gradients& gradients) {
  const int64_t layers = pass.layout.model.layers, lowest = lowest_learning(pass.layout, learning);
  TwoTensors d{std::move(dy), Tensor()};
  for (int64_t l = layers - 1; l >= std::max<int64_t>(lowest, 0); --l) {
    const Selection* wanted = l == layers - 1 ? &batch.wanted : nullptr;
    d = layer_backward(pass, l, batch, wanted, kept.layers[static_cast<size_t>(l)], std::move(d), lowest < l, learning, gradients);
  }
  if (lowest < 0) embeddings_backward(pass, batch, kept, std::move(d), learning, gradients);
}

}  // namespace lrdist
