#include "encoder.h"
#include "launch_attention.h"
#include "launch_norm.h"
#include "launch_pointwise.h"
#include "projections.h"

namespace lrdist::cuda {
namespace {

template <class T>
void project(const Pass& pass, const LayerTensors& t, const Hidden<T>& x_TH, const Hidden<T>& x_NH, bool wanted, int64_t lanes, LayerActivations<T>& a,
             bool kept) {
  const int64_t h = pass.layout.model.hidden, tokens = pass.batch.bucket.tokens, queries = wanted ? pass.batch.bucket.wanted : tokens;
  const bool fused = pass.layout.fused_qkv();
  const auto forward = [&](const Hidden<T>& x, int64_t rows, int32_t weight, int64_t n) {
    T* y = pass.arena.place<T>(kept, lanes * rows * n);
    product(pass, matrices(x.factor, rows, h, x.shared), pass.factor<T>(weight, n, h), y, lanes);
    return y;
  };
  if (fused && !wanted) {
    a.query = forward(x_TH, tokens, t.query, 3 * h);
    return;
  }
  a.query = forward(x_NH, queries, t.query, h);
  a.key = forward(x_TH, tokens, t.key, fused ? 2 * h : h);
  if (!fused) a.value = forward(x_TH, tokens, t.value, h);
}

// The wanted rows of both forms.
template <class T>
Hidden<T> gathered(const Pass& pass, const Hidden<T>& x, int64_t lanes, bool kept) {
  const int64_t h = pass.layout.model.hidden, tokens = pass.batch.bucket.tokens, n = pass.batch.bucket.wanted;
  Hidden<T> y;
  y.shared = lanes != pass.replicas;
  GatherRows a{};
  if constexpr (std::is_same_v<T, float>) {
    y.x = y.factor = pass.arena.place<float>(kept, lanes * n * h);
  } else {
    y.x = pass.arena.borrow<float>(lanes * n * h);
    y.factor = pass.arena.place<T>(kept, lanes * n * h);
    a.x_low = each<const bfloat>(x.factor, tokens * h, x.shared);
    a.y_low = each<bfloat>(y.factor, n * h);
  }
  a.x = each<const float>(x.x, tokens * h, x.shared);
  a.y = each<float>(y.x, n * h);
  a.index = pass.batch.at(pass.batch.layout.wanted_token);
  a.count = pass.batch.at(RecordLayout::wanted);
  a.padded = static_cast<int>(n);
  a.width = static_cast<int>(h);
  gather_rows(pass.device, a, lanes);
  return y;
}

}  // namespace

template <class T>
void layer_forward(const Pass& pass, int64_t layer, const Hidden<T>& x_TH, const Hidden<T>& y, int64_t lanes, bool wanted, LayerActivations<T>* kept) {
  const Arena::Scope scope(pass.arena);
  const ModelSpec& m = pass.layout.model;
  const LayerTensors& t = pass.layout.layers[static_cast<size_t>(layer)];
  const int64_t h = m.hidden, i = m.intermediate;
  const Rows rows = wanted ? pass.batch.wanted() : pass.batch.tokens();
  const int64_t n = rows.padded;

  // to = norm(dropout(x + bias) + residual), its normalised input kept for the backward pass
  const auto residual_norm = [&](const T* x, int32_t bias, const Hidden<T>& residual, int32_t gamma, int32_t beta, uint32_t site, const Hidden<T>& to,
                                 float*& xhat, float*& rstd) {
    ResidualNorm<T> a{};
    if (kept) {
      xhat = pass.arena.keep<float>(lanes * n * h);
      rstd = pass.arena.keep<float>(lanes * n);
      a.xhat = each<float>(xhat, n * h);
      a.rstd = each<float>(rstd, n);
    }
    a.x = each<const T>(x, n * h);
    a.residual = each<const float>(residual.x, n * h, residual.shared);
    a.bias = pass.at(bias);
    a.gamma = pass.at(gamma);
    a.beta = pass.at(beta);
    a.weights = pass.weights.stride;
    a.eps = static_cast<float>(m.layer_norm_eps);
    a.dropout = pass.dropout_at(m.hidden_dropout, site);
    a.rows = rows;
    a.width = static_cast<int>(h);
    a.y = each<float>(to.x, n * h);
    a.y_low = low_of(to, n * h);
    bias_dropout_residual_norm(pass.device, a, lanes);
  };

  LayerActivations<T> a;
  a.x_TH = x_TH;
  const Hidden<T> x_NH = wanted ? gathered(pass, x_TH, lanes, kept != nullptr) : x_TH;
  a.x_NH = x_NH;
  project(pass, t, x_TH, x_NH, wanted, lanes, a, kept != nullptr);
  a.context_NH = pass.arena.place<T>(kept, lanes * n * h);
  if (kept) a.log_sum = pass.arena.keep<float>(lanes * m.heads * n);
  attention_forward(pass.device, attention_of(pass, layer, wanted, a), pass.batch.bucket.rows, pass.batch.bucket.length, static_cast<int>(lanes));

  T* projected = pass.arena.borrow<T>(lanes * n * h);
  product(pass, matrices(a.context_NH, n, h), pass.factor<T>(t.output, h, h), projected, lanes);
  Hidden<T> h_NH;
  if constexpr (std::is_same_v<T, float>) {
    h_NH.x = h_NH.factor = pass.arena.place<float>(kept, lanes * n * h);
  } else {
    h_NH.x = pass.arena.borrow<float>(lanes * n * h);
    h_NH.factor = pass.arena.place<T>(kept, lanes * n * h);
  }
  residual_norm(projected, t.output_bias, x_NH, t.norm1, t.norm1_bias, kernels::site_attention_output(layer), h_NH, a.xhat1_NH, a.rstd1);
  a.h_NH = h_NH.factor;

  a.u_NI = pass.arena.place<T>(kept, lanes * n * i);
  product(pass, matrices(a.h_NH, n, h), pass.factor<T>(t.up, i, h), a.u_NI, lanes);
  a.g_NI = kept ? pass.arena.keep<T>(lanes * n * i) : a.u_NI;
  BiasGelu<T> gelu{};
  gelu.u = each<T>(a.u_NI, n * i);
  gelu.bias = pass.at(t.up_bias);
  gelu.weights = pass.weights.stride;
  gelu.count = rows.count;
  gelu.padded = rows.padded;
  gelu.width = static_cast<int>(i);
  gelu.g = each<T>(a.g_NI, n * i);
  bias_gelu(pass.device, gelu, lanes);

  product(pass, matrices(a.g_NI, n, i), pass.factor<T>(t.down, h, i), projected, lanes);
  residual_norm(projected, t.down_bias, h_NH, t.norm2, t.norm2_bias, kernels::site_feed_forward(layer), y, a.xhat2_NH, a.rstd2);
  if (kept) *kept = a;
}

template void layer_forward<float>(const Pass&, int64_t, const Hidden<float>&, const Hidden<float>&, int64_t, bool, LayerActivations<float>*);
template void layer_forward<bfloat>(const Pass&, int64_t, const Hidden<bfloat>&, const Hidden<bfloat>&, int64_t, bool, LayerActivations<bfloat>*);

}  // namespace lrdist::cuda
