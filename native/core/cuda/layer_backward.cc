#include "encoder.h"
#include "launch_attention.h"
#include "launch_norm.h"
#include "launch_pointwise.h"
#include "projections.h"

namespace lrdist::cuda {
namespace {

Workspace borrow_workspace(const Pass& pass, int64_t padded, int64_t columns) {
  const int64_t floats = sums_workspace(padded, columns, pass.replicas);
  return {pass.arena.borrow<float>(floats), floats};
}

// d [rows, parts * H] is the gradient of joint projections of x, one part for each (weight, bias).
template <class T>
void projection_gradients(const Pass& pass, const T* d, const Rows& rows, const Matrices& x, std::initializer_list<std::pair<int32_t, int32_t>> tensors,
                          const Learning& learning) {
  const int64_t h = pass.layout.model.hidden, n = rows.padded;
  const auto parts = static_cast<int64_t>(tensors.size());
  const std::pair<int32_t, int32_t> first = *tensors.begin();
  const std::vector<uint8_t>& written = pass.gradients.written;
  bool uniform = true;
  for (const auto& [weight, bias] : tensors)
    uniform = uniform && learning(weight) && written[static_cast<size_t>(weight)] == written[static_cast<size_t>(first.first)];
  Matrices dy = matrices(d, n, parts * h);
  if (uniform) {  // one product for all of them: their gradients lie side by side
    Columns to{};
    for (auto it = std::rbegin(tensors); it != std::rend(tensors); ++it) to = pass.gradient(it->first);
    pass.device.multiply({to.to, Type::f32, parts * h, h, h, to.stride}, dy, true, x, false, pass.replicas, to.accumulate);
  } else {
    dy.columns = h;
    for (const auto& [weight, bias] : tensors) {
      weight_product(pass, dy, x, weight, learning);
      dy.data = static_cast<T*>(dy.data) + h;
    }
  }
  const Arena::Scope scope(pass.arena);
  ColumnSums<T> sums{};
  sums.d = each<const T>(d, n * parts * h);
  sums.count = rows.count;
  sums.padded = rows.padded;
  sums.width = static_cast<int>(parts * h);
  sums.parts = static_cast<int>(parts);
  int part = 0;
  bool any = false;
  for (const auto& [weight, bias] : tensors) {
    any = any || learning(bias);
    sums.to[part++] = pass.gradient_if(bias, learning);
  }
  if (any) column_sums(pass.device, sums, pass.replicas, borrow_workspace(pass, n, parts * h));
}

// Gradients of query, key and value in the layout of the projections.
template <class T>
LayerActivations<T> attention_gradients(const Pass& pass, int64_t layer, bool wanted, const LayerActivations<T>& a, const T* dcontext) {
  const ModelSpec& m = pass.layout.model;
  const int64_t h = m.hidden, tokens = pass.batch.bucket.tokens, n = wanted ? pass.batch.bucket.wanted : tokens, k = pass.replicas;
  LayerActivations<T> d;
  d.query = pass.arena.borrow<T>(k * n * (a.key ? h : 3 * h));
  if (a.key) d.key = pass.arena.borrow<T>(k * tokens * (a.value ? h : 2 * h));
  if (a.value) d.value = pass.arena.borrow<T>(k * tokens * h);
  const Arena::Scope scope(pass.arena);
  const Projections<T> to = projections(d, h);
  AttentionBackward<T> backward{};
  backward.forward = attention_of(pass, layer, wanted, a);
  backward.key_count = pass.batch.tokens().count;
  backward.key_padded = pass.batch.bucket.tokens;
  backward.dcontext = dcontext;
  backward.dq = to.q;
  backward.dk = to.k;
  backward.dv = to.v;
  const int64_t sums = attention_sums(k, n, static_cast<int>(m.heads), static_cast<int>(h / m.heads), pass.batch.bucket.length);
  if (sums > 0) backward.sums = pass.arena.borrow<float>(sums);
  attention_backward(pass.device, backward, pass.batch.bucket.rows, pass.batch.bucket.length, static_cast<int>(k));
  return d;
}

// The gradient of the layer's input where query, key and value are not one projection: the whole sum in `to`, fp32. dresidual is spent.
template <class T>
void separate_inputs(const Pass& pass, const LayerTensors& t, bool wanted, const LayerActivations<T>& d, float* dresidual_NH, float* to) {
  const int64_t h = pass.layout.model.hidden, tokens = pass.batch.bucket.tokens, n = wanted ? pass.batch.bucket.wanted : tokens;
  const int64_t keys = d.value ? h : 2 * h;
  if (!wanted) {
    pass.device.copy(to, dresidual_NH, pass.replicas * tokens * h * static_cast<int64_t>(sizeof(float)));
    input_product(pass, matrices(d.query, n, h), pass.factor<T>(t.query, h, h), to, true);
  } else {
    input_product(pass, matrices(d.query, n, h), pass.factor<T>(t.query, h, h), dresidual_NH, true);
    pass.device.clear(to, pass.replicas * tokens * h * static_cast<int64_t>(sizeof(float)));
    AddRows<float> a{};
    a.out = each<float>(to, tokens * h);
    a.residual = each<const float>(dresidual_NH, n * h);
    a.index = pass.batch.at(pass.batch.layout.wanted_token);
    a.count = pass.batch.at(RecordLayout::wanted);
    a.padded = static_cast<int>(n);
    a.width = static_cast<int>(h);
    add_rows(pass.device, a, pass.replicas);
  }
  input_product(pass, matrices(d.key, tokens, keys), pass.factor<T>(t.key, keys, h), to, true);
  if (d.value) input_product(pass, matrices(d.value, tokens, h), pass.factor<T>(t.value, h, h), to, true);
}

}  // namespace

template <class T>
HiddenGradient<T> layer_backward(const Pass& pass, int64_t layer, bool wanted, const LayerActivations<T>& a, const HiddenGradient<T>& dy, bool below,
                                 const HiddenGradient<T>& to, const Learning& learning) {
  const Arena::Scope scope(pass.arena);
  const ModelSpec& m = pass.layout.model;
  const LayerTensors& t = pass.layout.layers[static_cast<size_t>(layer)];
  const int64_t h = m.hidden, i = m.intermediate, k = pass.replicas, tokens = pass.batch.bucket.tokens;
  const Rows rows = wanted ? pass.batch.wanted() : pass.batch.tokens();
  const int64_t n = rows.padded;

  const bool joint = a.key == nullptr;  // query, key and value are one projection

  // How far down this layer the gradient is needed.
  const bool to_projections = below || learning.any({t.query, t.key, t.value, t.query_bias, t.key_bias, t.value_bias});
  const bool to_output = to_projections || learning.any({t.output, t.output_bias});
  const bool to_norm1 = to_output || learning.any({t.norm1, t.norm1_bias});
  const bool to_up = to_norm1 || learning.any({t.up, t.up_bias});

  // The gradient of norm(dropout(x + bias) + residual): `residual` of both summands, `product` of x.
  const auto norm_gradient = [&](const HiddenGradient<T>& d, const float* xhat, const float* rstd, int32_t gamma, int32_t beta, int32_t bias, uint32_t site,
                                 float* residual) {
    NormBackward<T> b{};
    b.dropout = pass.dropout_at(m.hidden_dropout, site);
    HiddenGradient<T> dx;
    dx.residual = residual ? residual : pass.arena.borrow<float>(k * n * h);
    if constexpr (std::is_same_v<T, float>) dx.product = b.dropout.threshold == 0 ? dx.residual : pass.arena.borrow<T>(k * n * h);
    else dx.product = pass.arena.borrow<T>(k * n * h);
    const Arena::Scope sums(pass.arena);
    b.dy = each<const float>(d.residual, n * h);
    b.dy2 = each<const T>(d.product, n * h);
    b.xhat = each<const float>(xhat, n * h);
    b.rstd = each<const float>(rstd, n);
    b.gamma = pass.at(gamma);
    b.weights = pass.weights.stride;
    b.rows = rows;
    b.width = static_cast<int>(h);
    b.dx = each<float>(dx.residual, n * h);
    b.branch = each<T>(dx.product, n * h);
    b.dgamma = pass.gradient_if(gamma, learning);
    b.dbeta = pass.gradient_if(beta, learning);
    b.dbranch = pass.gradient_if(bias, learning);
    norm_backward(pass.device, b, k, borrow_workspace(pass, n, 3 * h));
    return dx;
  };

  // norm2 <- dropout(down) + h
  const HiddenGradient<T> dh = norm_gradient(dy, a.xhat2_NH, a.rstd2, t.norm2, t.norm2_bias, t.down_bias, kernels::site_feed_forward(layer), nullptr);
  weight_product(pass, matrices(dh.product, n, h), matrices(a.g_NI, n, i), t.down, learning);
  if (!to_up) return {};

  // feed-forward
  T* du = pass.arena.borrow<T>(k * n * i);
  input_product(pass, matrices(dh.product, n, h), pass.factor<T>(t.down, h, i), du, false);
  {
    const Arena::Scope sums(pass.arena);
    GeluBackward<T> b{};
    b.dg = each<T>(du, n * i);
    b.derivative = each<const T>(a.u_NI, n * i);
    b.count = rows.count;
    b.padded = rows.padded;
    b.width = static_cast<int>(i);
    b.sums = pass.gradient_if(t.up_bias, learning);
    gelu_backward(pass.device, b, k, borrow_workspace(pass, n, i));
  }
  weight_product(pass, matrices(du, n, i), matrices(a.h_NH, n, h), t.up, learning);
  if (!to_norm1) return {};

  // norm1 <- dropout(output) + x
  HiddenGradient<T> dh1{dh.residual, pass.arena.borrow<T>(k * n * h)};
  input_product(pass, matrices(du, n, i), pass.factor<T>(t.up, i, h), dh1.product, false);
  const HiddenGradient<T> dx = norm_gradient(dh1, a.xhat1_NH, a.rstd1, t.norm1, t.norm1_bias, t.output_bias, kernels::site_attention_output(layer),
                                             joint && below ? to.residual : nullptr);
  weight_product(pass, matrices(dx.product, n, h), matrices(a.context_NH, n, h), t.output, learning);
  if (!to_projections) return {};

  T* dcontext = pass.arena.borrow<T>(k * n * h);
  input_product(pass, matrices(dx.product, n, h), pass.factor<T>(t.output, h, h), dcontext, false);
  const LayerActivations<T> d = attention_gradients(pass, layer, wanted, a, dcontext);
  const Matrices x_TH = matrices(a.x_TH.factor, tokens, h, a.x_TH.shared);
  const Rows keys = pass.batch.tokens();
  if (!d.key) {
    projection_gradients(pass, d.query, keys, x_TH, {{t.query, t.query_bias}, {t.key, t.key_bias}, {t.value, t.value_bias}}, learning);
    if (!below) return {};
    input_product(pass, matrices(d.query, n, 3 * h), pass.factor<T>(t.query, 3 * h, h), to.product, false);
    return to;
  }
  projection_gradients(pass, d.query, rows, wanted ? matrices(a.x_NH.factor, n, h, a.x_NH.shared) : x_TH, {{t.query, t.query_bias}}, learning);
  if (d.value) {
    projection_gradients(pass, d.key, keys, x_TH, {{t.key, t.key_bias}}, learning);
    projection_gradients(pass, d.value, keys, x_TH, {{t.value, t.value_bias}}, learning);
  } else {
    projection_gradients(pass, d.key, keys, x_TH, {{t.key, t.key_bias}, {t.value, t.value_bias}}, learning);
  }
  if (!below) return {};
  separate_inputs(pass, t, wanted, d, dx.residual, to.residual);
  return {to.residual, nullptr};
}

template HiddenGradient<float> layer_backward<float>(const Pass&, int64_t, bool, const LayerActivations<float>&, const HiddenGradient<float>&, bool,
                                                     const HiddenGradient<float>&, const Learning&);
template HiddenGradient<bfloat> layer_backward<bfloat>(const Pass&, int64_t, bool, const LayerActivations<bfloat>&, const HiddenGradient<bfloat>&, bool,
                                                       const HiddenGradient<bfloat>&, const Learning&);

}  // namespace lrdist::cuda
