#include "bert.h"

#include <algorithm>

#include "layer.h"
#include "profile.h"

namespace lrdist {
namespace {

using at::Tensor;
using kernels::bf16;
using kernels::Rows;

void embeddings_backward(const Pass& pass, const Batch& batch, const EncoderActivations& kept, const HiddenGradient& dy, const Learning& learning,
                         Gradients& gradients) {
  const profile::Phase phase("embeddings backward");
  const Layout& layout = pass.layout;
  const int64_t h = layout.model.hidden;
  const Rows rows = rows_of(batch);
  float* d = data<float>(dy.residual);
  if (dy.product.defined()) {
    if (pass.low) kernels::add(d, data<bf16>(dy.product), rows.count * h);
    else kernels::add(d, data<float>(dy.product), rows.count * h);
  }
  kernels::dropout_rows(d, pass.dropout_at(layout.model.hidden_dropout, kernels::site_embeddings), rows, h);
  const Tensor dx = empty<float>({rows.padded, h});
  kernels::norm_backward<float>(d, nullptr, data<float>(kept.xhat_TH), data<float>(kept.rstd), pass.at(layout.embedding_norm), {}, rows, h, data<float>(dx),
                                nullptr, column_target(layout.embedding_norm, learning, gradients),
                                column_target(layout.embedding_norm_bias, learning, gradients));
  if (learning(layout.word)) kernels::scatter_add(data<float>(dx), batch.ids.data(), rows.count, h, gradients.word_table(batch.ids));
  if (learning(layout.position)) kernels::scatter_add(data<float>(dx), batch.position.data(), rows.count, h, gradients.table(layout.position));
  if (learning(layout.type)) kernels::scatter_add(data<float>(dx), batch.types.data(), rows.count, h, gradients.table(layout.type));
}

void append_first_states(const Batch& batch, const Tensor& x, bool wanted_rows, int64_t h, std::vector<float>& out) {
  for (int64_t r = 0; r < batch.rows(); ++r) {
    const float* state = data<float>(x) + (wanted_rows ? batch.wanted.cu[r] : batch.cu[r]) * h;
    out.insert(out.end(), state, state + h);
  }
}

HiddenStates embeddings_forward(const Pass& pass, const Batch& batch, EncoderActivations* kept) {
  const profile::Phase phase("embeddings forward");
  const Layout& layout = pass.layout;
  const int64_t h = layout.model.hidden;
  const Rows rows = rows_of(batch);
  const Tensor x = empty<float>({rows.padded, h});
  const Tensor low = pass.low ? empty<bf16>({rows.padded, h}) : Tensor();
  if (kept) {
    kept->xhat_TH = empty<float>({rows.padded, h});
    kept->rstd = empty<float>({rows.padded});
  }
  const kernels::EmbeddingWeights weights{pass.at(layout.word), pass.at(layout.position), pass.at(layout.type), pass.at(layout.embedding_norm),
                                          pass.at(layout.embedding_norm_bias)};
  kernels::embed(batch.ids.data(), batch.types.data(), rows, h, weights, static_cast<float>(layout.model.layer_norm_eps),
                 pass.dropout_at(layout.model.hidden_dropout, kernels::site_embeddings), data<float>(x), data_or_null<bf16>(low),
                 kept ? data<float>(kept->xhat_TH) : nullptr, kept ? data<float>(kept->rstd) : nullptr);
  return {0, x, low};
}

// The states as a factor of products; rounded here where they came without (out of a store).
Tensor factor_of(const Pass& pass, const HiddenStates& states) {
  if (!pass.low) return states.x;
  if (states.low.defined()) return states.low;
  const Tensor low = empty<bf16>(states.x.sizes());
  kernels::convert(data<float>(states.x), data<bf16>(low), states.x.numel());
  return low;
}

void next_layer(const Pass& pass, const Batch& batch, HiddenStates& states, LayerActivations* kept, std::vector<float>* first_states) {
  const Selection* wanted = states.layer == pass.layout.model.layers - 1 ? &batch.wanted : nullptr;
  const Hidden x{states.x, factor_of(pass, states)};
  const Hidden y = pass.low ? layer_forward<bf16>(pass, states.layer, batch, x, wanted, kept) : layer_forward<float>(pass, states.layer, batch, x, wanted, kept);
  states = {states.layer + 1, y.x, pass.low ? y.factor : Tensor()};
  if (first_states) append_first_states(batch, y.x, wanted != nullptr, pass.layout.model.hidden, *first_states);
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
  HiddenStates at = options.start;
  if (at.layer < 0) {
    at = embeddings_forward(pass, batch, options.keep_from < 0 ? &kept : nullptr);
    if (options.first_states) append_first_states(batch, at.x, false, pass.layout.model.hidden, *options.first_states);
  }
  while (at.layer < layers)
    next_layer(pass, batch, at, at.layer >= options.keep_from ? &kept.layers[static_cast<size_t>(at.layer)] : nullptr, options.first_states);
  return at.x;
}

HiddenStates encoder_prefix(const Pass& pass, const Batch& batch, const HiddenStates& start, int64_t end, std::vector<float>* first_states) {
  HiddenStates at = start;
  if (at.layer < 0 && end >= 0) {
    at = embeddings_forward(pass, batch, nullptr);
    if (first_states) append_first_states(batch, at.x, false, pass.layout.model.hidden, *first_states);
  }
  while (at.layer < end) next_layer(pass, batch, at, nullptr, first_states);
  return at;
}

void encoder_backward(const Pass& pass, const Batch& batch, const EncoderActivations& kept, Tensor dy, const Learning& learning, Gradients& gradients) {
  const int64_t layers = pass.layout.model.layers, lowest = lowest_learning(pass.layout, learning);
  HiddenGradient d{std::move(dy), Tensor()};
  for (int64_t l = layers - 1; l >= std::max<int64_t>(lowest, 0); --l) {
    const Selection* wanted = l == layers - 1 ? &batch.wanted : nullptr;
    const LayerActivations& a = kept.layers[static_cast<size_t>(l)];
    d = pass.low ? layer_backward<bf16>(pass, l, batch, wanted, a, d, lowest < l, learning, gradients)
                 : layer_backward<float>(pass, l, batch, wanted, a, d, lowest < l, learning, gradients);
  }
  if (lowest < 0) embeddings_backward(pass, batch, kept, d, learning, gradients);
}

}  // namespace lrdist
