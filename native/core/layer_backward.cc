#include <algorithm>

#include "layer.h"
#include "profile.h"

namespace lrdist {
namespace {

using at::Tensor;

void weight_gradient(const Pass& pass, const Tensor& dy, const Tensor& x, int32_t tensor, const Learning& learning, Gradients& gradients) {
  if (!learning(tensor)) return;
  const GradientTarget target = gradients.target(tensor);
  pass.product.backward_weight(dy, x, target.data, target.accumulate);
}

// d [count, parts * H] is the gradient of joint projections of x, one part for each (weight, bias).
template <class T>
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
  bool biases = false;
  for (const auto& [weight, bias] : tensors) biases = biases || learning(bias);
  if (!biases) return;
  std::vector<float> sums(static_cast<size_t>(d.size(1)));
  kernels::column_sums(data<T>(d), count, d.size(1), sums.data(), false);
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

template <class T>
void zero_rows(const Tensor& x, int64_t count) {
  std::fill(data<T>(x) + count * x.size(1), data<T>(x) + x.numel(), T{});
}

template <class T>
Tensor in_fp32(const Tensor& x) {
  if constexpr (std::is_same_v<T, float>) return x;
  const Tensor full = empty<float>(x.sizes());
  kernels::convert(reinterpret_cast<const kernels::bf16*>(x.const_data_ptr()), data<float>(full), x.numel());
  return full;
}

// Gradients of query, key and value in the layout of the projections; rows beyond the real ones are zero.
template <class T>
LayerActivations attention_gradients(const Pass& pass, int64_t layer, const Batch& batch, const Selection* wanted, const LayerActivations& a, const Tensor& dcontext) {
  LayerActivations d;
  d.query = empty<T>(a.query.sizes());
  if (a.key.defined()) d.key = empty<T>(a.key.sizes());
  if (a.value.defined()) d.value = empty<T>(a.value.sizes());
  const Projections<T> to = projections<T>(d.query, d.key, d.value, pass.layout.model.hidden);
  kernels::attention_backward(attention<T>(pass, layer, batch, wanted, a), data<T>(dcontext), to.q, to.k, to.v);
  zero_rows<T>(d.query, wanted ? wanted->count() : batch.tokens());
  if (d.key.defined()) zero_rows<T>(d.key, batch.tokens());
  if (d.value.defined()) zero_rows<T>(d.value, batch.tokens());
  return d;
}

// The gradient of the layer's input where query, key and value are not one projection: the sum, in fp32.
template <class T>
Tensor separate_inputs(const Pass& pass, const LayerTensors& t, const Selection* wanted, const LayerActivations& d, const Tensor& dresidual_NH) {
  const int64_t h = pass.layout.model.hidden;
  const auto backward = [&](const Tensor& dy, int32_t weight) { return pass.product.backward_input(dy, pass.factor(weight, dy.size(1), h)); };
  const Tensor dx_TH = in_fp32<T>(backward(d.key, t.key));
  if (d.value.defined()) kernels::add(data<float>(dx_TH), data<T>(backward(d.value, t.value)), dx_TH.numel());
  const Tensor dx_NH = backward(d.query, t.query);
  if (!wanted) {
    kernels::add(data<float>(dx_TH), data<T>(dx_NH), dx_TH.numel());
    kernels::add(data<float>(dx_TH), data<float>(dresidual_NH), dx_TH.numel());
    return dx_TH;
  }
  kernels::scatter_add(data<T>(dx_NH), wanted->token.data(), wanted->count(), h, data<float>(dx_TH));
  kernels::scatter_add(data<float>(dresidual_NH), wanted->token.data(), wanted->count(), h, data<float>(dx_TH));
  return dx_TH;
}

}  // namespace

template <class T>
HiddenGradient layer_backward(const Pass& pass, int64_t layer, const Batch& batch, const Selection* wanted, const LayerActivations& a, const HiddenGradient& dy,
                              bool below, const Learning& learning, Gradients& gradients) {
  const profile::Phase phase("layer backward", layer);
  const ModelSpec& m = pass.layout.model;
  const LayerTensors& t = pass.layout.layers[static_cast<size_t>(layer)];
  const Product& product = pass.product;
  const int64_t h = m.hidden;
  const kernels::Rows rows = wanted ? rows_of(*wanted) : rows_of(batch);
  const auto sums_of = [&](int32_t tensor) { return column_target(tensor, learning, gradients); };

  // How far down this layer the gradient is needed.
  const bool to_projections = below || learning.any({t.query, t.key, t.value, t.query_bias, t.key_bias, t.value_bias});
  const bool to_output = to_projections || learning.any({t.output, t.output_bias});
  const bool to_norm1 = to_output || learning.any({t.norm1, t.norm1_bias});
  const bool to_up = to_norm1 || learning.any({t.up, t.up_bias});

  // The gradient of norm(dropout(x + bias) + residual): `residual` of both summands, `product` of x.
  const auto norm_backward = [&](const HiddenGradient& d, const Tensor& xhat, const Tensor& rstd, int32_t gamma, int32_t beta, int32_t bias, uint32_t site) {
    const kernels::Dropout dropout = pass.dropout_at(m.hidden_dropout, site);
    HiddenGradient dx;
    dx.residual = empty<float>({rows.padded, h});
    dx.product = std::is_same_v<T, float> && !dropout.active() ? dx.residual : empty<T>({rows.padded, h});
    kernels::norm_backward(data<float>(d.residual), data_or_null<T>(d.product), data<float>(xhat), data<float>(rstd), pass.at(gamma), dropout, rows, h,
                           data<float>(dx.residual), data<T>(dx.product), sums_of(gamma), sums_of(beta), sums_of(bias));
    return dx;
  };

  // norm2 <- dropout(down) + h
  const HiddenGradient dh = norm_backward(dy, a.xhat2_NH, a.rstd2, t.norm2, t.norm2_bias, t.down_bias, kernels::site_feed_forward(layer));
  weight_gradient(pass, dh.product, a.g_NI, t.down, learning, gradients);
  if (!to_up) return {};

  // feed-forward
  const Tensor du = product.backward_input(dh.product, pass.factor(t.down, h, m.intermediate));
  kernels::gelu_backward(data<T>(du), data<T>(a.u_NI), rows.count, m.intermediate, sums_of(t.up_bias));
  weight_gradient(pass, du, a.h_NH, t.up, learning, gradients);
  if (!to_norm1) return {};

  // norm1 <- dropout(output) + x
  const HiddenGradient dh1{dh.residual, product.backward_input(du, pass.factor(t.up, m.intermediate, h))};
  const HiddenGradient dx = norm_backward(dh1, a.xhat1_NH, a.rstd1, t.norm1, t.norm1_bias, t.output_bias, kernels::site_attention_output(layer));
  weight_gradient(pass, dx.product, a.context_NH, t.output, learning, gradients);
  if (!to_projections) return {};

  const Tensor dcontext = product.backward_input(dx.product, pass.factor(t.output, h, h));
  const LayerActivations d = attention_gradients<T>(pass, layer, batch, wanted, a, dcontext);
  const auto gradients_of = [&](const Tensor& of, int64_t count, const Tensor& x, std::initializer_list<std::pair<int32_t, int32_t>> tensors) {
    projection_gradients<T>(pass, of, count, x, tensors, learning, gradients);
  };
  if (!d.key.defined()) {
    gradients_of(d.query, batch.tokens(), a.x_TH, {{t.query, t.query_bias}, {t.key, t.key_bias}, {t.value, t.value_bias}});
    if (!below) return {};
    return {dx.residual, product.backward_input(d.query, pass.factor(t.query, 3 * h, h))};
  }
  gradients_of(d.query, rows.count, wanted ? a.x_NH : a.x_TH, {{t.query, t.query_bias}});
  if (d.value.defined()) {
    gradients_of(d.key, batch.tokens(), a.x_TH, {{t.key, t.key_bias}});
    gradients_of(d.value, batch.tokens(), a.x_TH, {{t.value, t.value_bias}});
  } else {
    gradients_of(d.key, batch.tokens(), a.x_TH, {{t.key, t.key_bias}, {t.value, t.value_bias}});
  }
  if (!below) return {};
  return {separate_inputs<T>(pass, t, wanted, d, dx.residual), Tensor()};
}

template HiddenGradient layer_backward<float>(const Pass&, int64_t, const Batch&, const Selection*, const LayerActivations&, const HiddenGradient&, bool,
                                              const Learning&, Gradients&);
template HiddenGradient layer_backward<kernels::bf16>(const Pass&, int64_t, const Batch&, const Selection*, const LayerActivations&, const HiddenGradient&, bool,
                                                      const Learning&, Gradients&);

}  // namespace lrdist
