#include "layer.h"
#include "profile.h"

namespace lrdist {
namespace {

using at::Tensor;

// The wanted rows of both forms.
template <class T>
Hidden gathered(const Hidden& x_TH, const Selection& wanted, int64_t h) {
  const auto gather = [&]<class E>(const E* from) {
    const Tensor to = empty<E>({wanted.padded(), h});
    kernels::gather_rows(from, wanted.token.data(), wanted.count(), wanted.padded(), h, data<E>(to));
    return to;
  };
  const Tensor x = gather(data<float>(x_TH.x));
  if constexpr (std::is_same_v<T, float>) return {x, x};
  else return {x, gather(data<T>(x_TH.factor))};
}

template <class T>
void project(const Pass& pass, const LayerTensors& t, const Tensor& x_TH, const Tensor& x_NH, bool all, LayerActivations& a) {
  const int64_t h = pass.layout.model.hidden;
  const bool fused = pass.layout.fused_qkv();
  const auto forward = [&](const Tensor& x, int32_t weight, int64_t n) { return pass.product.forward(x, pass.factor(weight, n, h)); };
  if (fused && all) {
    a.query = forward(x_TH, t.query, 3 * h);
    return;
  }
  a.query = forward(x_NH, t.query, h);
  a.key = forward(x_TH, t.key, fused ? 2 * h : h);
  if (!fused) a.value = forward(x_TH, t.value, h);
}

}  // namespace

template <class T>
Hidden layer_forward(const Pass& pass, int64_t layer, const Batch& batch, const Hidden& x_TH, const Selection* wanted, LayerActivations* kept) {
  const profile::Phase phase("layer forward", layer);
  const ModelSpec& m = pass.layout.model;
  const LayerTensors& t = pass.layout.layers[static_cast<size_t>(layer)];
  const Product& product = pass.product;
  const int64_t h = m.hidden;
  const kernels::Rows rows = wanted ? rows_of(*wanted) : rows_of(batch);

  // norm(dropout(x + bias) + residual), its normalised input kept for the backward pass
  const auto residual_norm = [&](const Tensor& x, int32_t bias, const Tensor& residual, int32_t gamma, int32_t beta, uint32_t site, Tensor& xhat, Tensor& rstd) {
    if (kept) {
      xhat = empty<float>({rows.padded, h});
      rstd = empty<float>({rows.padded});
    }
    const Tensor y = empty<float>({rows.padded, h});
    const Tensor low = std::is_same_v<T, float> ? Tensor() : empty<kernels::bf16>({rows.padded, h});
    kernels::bias_dropout_residual_norm(data<T>(x), pass.at(bias), data<float>(residual), pass.at(gamma), pass.at(beta), static_cast<float>(m.layer_norm_eps),
                                        pass.dropout_at(m.hidden_dropout, site), rows, h, data<float>(y), data_or_null<kernels::bf16>(low),
                                        data_or_null<float>(xhat), data_or_null<float>(rstd));
    return Hidden{y, low.defined() ? low : y};
  };

  LayerActivations a;
  a.x_TH = x_TH.factor;
  Hidden x_NH = x_TH;
  if (wanted) {
    x_NH = gathered<T>(x_TH, *wanted, h);
    a.x_NH = x_NH.factor;
  }
  project<T>(pass, t, x_TH.factor, x_NH.factor, !wanted, a);
  a.context_NH = empty<T>({rows.padded, h});
  kernels::attention_forward(attention<T>(pass, layer, batch, wanted, a), data<T>(a.context_NH));

  const Tensor projected = product.forward(a.context_NH, pass.factor(t.output, h, h));
  const Hidden h_NH =
      residual_norm(projected, t.output_bias, x_NH.x, t.norm1, t.norm1_bias, kernels::site_attention_output(layer), a.xhat1_NH, a.rstd1);
  a.h_NH = h_NH.factor;

  a.u_NI = product.forward(a.h_NH, pass.factor(t.up, m.intermediate, h));
  a.g_NI = kept ? empty<T>({rows.padded, m.intermediate}) : a.u_NI;
  kernels::bias_gelu(data<T>(a.u_NI), pass.at(t.up_bias), rows, m.intermediate, data<T>(a.g_NI));

  const Tensor down = product.forward(a.g_NI, pass.factor(t.down, h, m.intermediate));
  const Hidden y = residual_norm(down, t.down_bias, h_NH.x, t.norm2, t.norm2_bias, kernels::site_feed_forward(layer), a.xhat2_NH, a.rstd2);
  if (kept) *kept = std::move(a);
  return y;
}

template Hidden layer_forward<float>(const Pass&, int64_t, const Batch&, const Hidden&, const Selection*, LayerActivations*);
template Hidden layer_forward<kernels::bf16>(const Pass&, int64_t, const Batch&, const Hidden&, const Selection*, LayerActivations*);

}  // namespace lrdist
