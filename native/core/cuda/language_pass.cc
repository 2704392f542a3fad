#include "language_pass.h"

#include <algorithm>

#include "classifier_pass.h"
#include "launch_embeddings.h"
#include "launch_norm.h"
#include "launch_pointwise.h"

namespace lrdist::cuda {
namespace {

struct Transformed {
  float *u_NH, *xhat_NH, *rstd, *t_NH;
};

Transformed transform(const Pass& pass, const HeadTensors& tensors, const float* y_NH) {
  const int64_t h = pass.layout.model.hidden, n = pass.batch.bucket.wanted, all = pass.replicas * n * h;
  Transformed t{pass.arena.borrow<float>(all), pass.arena.borrow<float>(all), pass.arena.borrow<float>(pass.replicas * n), pass.arena.borrow<float>(all)};
  const Arena::Scope scope(pass.arena);
  float* g = pass.arena.borrow<float>(all);
  product(pass, matrices(y_NH, n, h), pass.matrix(tensors.transform, h, h), t.u_NH, pass.replicas);
  BiasGelu<float> gelu{};
  gelu.u = each<float>(t.u_NH, n * h);
  gelu.bias = pass.at(tensors.transform_bias);
  gelu.weights = pass.weights.stride;
  gelu.count = pass.batch.at(RecordLayout::wanted);
  gelu.padded = static_cast<int>(n);
  gelu.width = static_cast<int>(h);
  gelu.g = each<float>(g, n * h);
  bias_gelu(pass.device, gelu, pass.replicas);
  PlainNorm a{};
  a.x = each<const float>(g, n * h);
  a.gamma = pass.at(tensors.norm);
  a.beta = pass.at(tensors.norm_bias);
  a.weights = pass.weights.stride;
  a.eps = static_cast<float>(pass.layout.model.layer_norm_eps);
  a.rows = pass.batch.wanted();
  a.width = static_cast<int>(h);
  a.y = each<float>(t.t_NH, n * h);
  a.xhat = each<float>(t.xhat_NH, n * h);
  a.rstd = each<float>(t.rstd, n);
  norm(pass.device, a, pass.replicas);
  return t;
}

// Rows of logits at a time: a whole batch of vocabulary-wide logits for all replicas would be large.
int64_t chunk_rows_of(const Pass& pass) {
  constexpr int64_t floats = int64_t{64} << 20;
  return std::clamp<int64_t>(floats / (pass.replicas * pass.layout.model.vocab) / 16 * 16, 16, 256);
}

// Calls f(first row, rows, logits [K][rows][vocab]), after their losses were taken.
template <class F>
void for_logits(const Pass& pass, const HeadTask& task, const Transformed& t, bool gradient, float* losses, const F& f) {
  const Arena::Scope scope(pass.arena);
  const HeadTensors& tensors = pass.layout.heads[static_cast<size_t>(task.head)];
  const int64_t vocab = pass.layout.model.vocab, h = pass.layout.model.hidden, n = pass.batch.bucket.wanted;
  const int64_t chunk = std::min(chunk_rows_of(pass), n);
  float* logits = pass.arena.borrow<float>(pass.replicas * chunk * vocab);
  for (int64_t first = 0; first < n; first += chunk) {
    const int64_t rows = std::min(chunk, n - first);
    const Matrices x{t.t_NH + first * h, Type::f32, rows, h, h, n * h};
    product(pass, x, pass.matrix(pass.layout.word, vocab, h), logits, pass.replicas);
    lrdist::cuda::Loss a = loss_arguments(pass, task);
    a.first = static_cast<int>(first);
    a.chunk = static_cast<int>(rows);
    a.width = static_cast<int>(vocab);
    a.logits = logits;
    a.logits_stride = rows * vocab;
    a.bias = pass.at(tensors.bias);
    a.bias_stride = pass.weights.stride;
    a.gradient = gradient;
    a.weight = gradient ? pass.batch.weight() : nullptr;
    a.losses = losses;
    a.losses_stride = n;
    a.targets = pass.batch.at(pass.batch.layout.targets);
    loss(pass.device, LossKind::cross_entropy, a, static_cast<int>(pass.replicas));
    f(first, rows, logits, x);
  }
}

Workspace borrow_workspace(const Pass& pass, int64_t rows, int64_t columns) {
  const int64_t floats = sums_workspace(rows, columns, pass.replicas);
  return {pass.arena.borrow<float>(floats), floats};
}

// The tied decoder writes the word embedding's gradient as a whole. Where rows of it were written in this step before, the others become zero first.
void begin_dense_words(const Pass& pass, const unsigned* stamp) {
  const Layout& layout = pass.layout;
  if (pass.gradients.word_dense) return;
  pass.gradients.word_dense = true;
  if (pass.gradients.written[static_cast<size_t>(layout.word)] == 0) return;
  ClearUnstamped a{};
  a.table = each<float>(pass.gradients.data + pass.tensor(layout.word).offset, pass.gradients.stride);
  a.rows = static_cast<int>(layout.model.vocab);
  a.width = static_cast<int>(layout.model.hidden);
  a.stamp = stamp;
  a.step = pass.step;
  clear_unstamped(pass.device, a, pass.replicas);
}

}  // namespace

void language_losses(const Pass& pass, const HeadTask& task, const float* y_NH, float* losses) {
  const Transformed t = transform(pass, pass.layout.heads[static_cast<size_t>(task.head)], y_NH);
  for_logits(pass, task, t, false, losses, [](int64_t, int64_t, float*, const Matrices&) {});
}

float* language_backward(const Pass& pass, const HeadTask& task, const float* y_NH, const Learning& learning, const unsigned* stamp, float* losses) {
  const Layout& layout = pass.layout;
  const HeadTensors& tensors = layout.heads[static_cast<size_t>(task.head)];
  const int64_t vocab = layout.model.vocab, h = layout.model.hidden, n = pass.batch.bucket.wanted, k = pass.replicas;
  const Rows rows = pass.batch.wanted();
  const bool encoder = lowest_learning(layout, learning) < layout.model.layers;
  const bool transform_learns = learning.any({tensors.transform, tensors.transform_bias, tensors.norm, tensors.norm_bias});
  if (learning(layout.word)) begin_dense_words(pass, stamp);

  const Transformed t = transform(pass, tensors, y_NH);
  float* dt = pass.arena.borrow<float>(k * n * h);
  for_logits(pass, task, t, true, losses, [&](int64_t first, int64_t count, float* dlogits, const Matrices& x) {
    const Matrices d = matrices(dlogits, count, vocab);
    if (learning(tensors.bias)) {
      const Arena::Scope scope(pass.arena);
      ColumnSums<float> sums{};
      sums.d = each<const float>(dlogits, count * vocab);
      sums.count = rows.count;
      sums.first = static_cast<int>(first);
      sums.padded = static_cast<int>(count);
      sums.width = static_cast<int>(vocab);
      sums.parts = 1;
      sums.to[0] = pass.gradient(tensors.bias);
      column_sums(pass.device, sums, k, borrow_workspace(pass, count, vocab));
    }
    weight_product(pass, d, x, layout.word, learning);
    if (encoder || transform_learns)
      pass.device.multiply({dt + first * h, Type::f32, count, h, h, n * h}, d, false, pass.matrix(layout.word, vocab, h), false, k, false);
  });
  if (!encoder && !transform_learns) return nullptr;

  {
    const Arena::Scope scope(pass.arena);
    NormBackward<float> b{};
    b.dy = each<const float>(dt, n * h);
    b.xhat = each<const float>(t.xhat_NH, n * h);
    b.rstd = each<const float>(t.rstd, n);
    b.gamma = pass.at(tensors.norm);
    b.weights = pass.weights.stride;
    b.rows = rows;
    b.width = static_cast<int>(h);
    b.dx = each<float>(dt, n * h);
    b.dgamma = pass.gradient_if(tensors.norm, learning);
    b.dbeta = pass.gradient_if(tensors.norm_bias, learning);
    norm_backward(pass.device, b, k, borrow_workspace(pass, n, 3 * h));
    GeluBackward<float> g{};
    g.dg = each<float>(dt, n * h);
    g.derivative = each<const float>(t.u_NH, n * h);
    g.count = rows.count;
    g.padded = rows.padded;
    g.width = static_cast<int>(h);
    g.sums = pass.gradient_if(tensors.transform_bias, learning);
    gelu_backward(pass.device, g, k, borrow_workspace(pass, n, h));
  }
  weight_product(pass, matrices(dt, n, h), matrices(y_NH, n, h), tensors.transform, learning);
  if (!encoder) return nullptr;
  float* dy = pass.arena.borrow<float>(k * n * h);
  input_product(pass, matrices(dt, n, h), pass.matrix(tensors.transform, h, h), dy, false);
  return dy;
}

}  // namespace lrdist::cuda
