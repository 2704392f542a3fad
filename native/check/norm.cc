#include "core/cuda/launch_norm.h"
#include "row_case.h"

namespace lrdist::check {
namespace {

constexpr int padded = batch_padded;

template <class T>
void residual_norm(RowCase& c, double probability, bool shared, bool kept) {
  const int64_t n = padded * c.width, k = c.replicas, w = c.width;
  Batch batch(c);
  const DropoutCase dropout(c.device, probability, 5);
  auto x = c.random<T>(padded, w);
  auto residual = c.random<float>(padded, w), weights = c.random<float>(3, w);
  auto out = c.empty<float>(padded, w), xhat = c.empty<float>(padded, w), rstd = c.empty<float>(padded, 1);
  auto low = c.empty<bf16>(padded, w);
  cuda::ResidualNorm<Low<T>> a{};
  a.x = x.each();
  a.residual = residual.each(shared);
  const float* first = weights.each().data;
  a.bias = first;
  a.gamma = first + w;
  a.beta = first + 2 * w;
  a.weights = weights.stride();
  a.eps = 1e-12f;
  a.dropout = dropout.device;
  a.rows = batch.rows();
  a.width = static_cast<int>(w);
  a.y = out.out();
  a.y_low = low.out();
  if (kept) {
    a.xhat = xhat.out();
    a.rstd = rstd.out();
  }
  cuda::bias_dropout_residual_norm(c.device, a, k);
  auto y_cpu = matrices<float>(k, n), xhat_cpu = matrices<float>(k, n), rstd_cpu = matrices<float>(k, padded);
  auto low_cpu = matrices<bf16>(k, n);
  for (int64_t r = 0; r < k; ++r) {
    const float* own = weights.of(r);
    kernels::bias_dropout_residual_norm(x.of(r), own, residual.of(shared ? 0 : r), own + w, own + 2 * w, 1e-12f, dropout.host, batch.tokens.rows(), w,
                                        y_cpu[r].data(), low_cpu[r].data(), xhat_cpu[r].data(), rstd_cpu[r].data());
  }
  c.expect("residual norm y", out, y_cpu);
  c.expect("residual norm y_low", low, low_cpu);
  if (!kept) return;
  c.expect_rows("residual norm xhat", xhat, xhat_cpu, c.count * w);
  c.expect_rows("residual norm rstd", rstd, rstd_cpu, c.count);
}

void plain_norm(RowCase& c) {
  const int64_t n = padded * c.width, k = c.replicas, w = c.width;
  Batch batch(c);
  auto x = c.random<float>(padded, w, 30), weights = c.random<float>(2, w);
  auto xhat = c.empty<float>(padded, w), rstd = c.empty<float>(padded, 1);
  auto y_cpu = matrices<float>(k, n), xhat_cpu = matrices<float>(k, n), rstd_cpu = matrices<float>(k, padded);
  for (int64_t r = 0; r < k; ++r)
    kernels::norm(x.of(r), weights.of(r), weights.of(r) + w, 1e-5f, c.count, padded, w, y_cpu[r].data(), nullptr, xhat_cpu[r].data(), rstd_cpu[r].data());
  cuda::PlainNorm a{};
  a.x = x.each();
  a.gamma = weights.each().data;
  a.beta = a.gamma + w;
  a.weights = weights.stride();
  a.eps = 1e-5f;
  a.rows = batch.rows();
  a.width = static_cast<int>(w);
  a.y = x.out();  // in place
  a.xhat = xhat.out();
  a.rstd = rstd.out();
  cuda::norm(c.device, a, k);
  c.expect("norm y", x, y_cpu);
  c.expect_rows("norm xhat", xhat, xhat_cpu, c.count * w);
  c.expect_rows("norm rstd", rstd, rstd_cpu, c.count);
}

struct BackwardOptions {
  bool second, branch, in_place, sums, after;
  double probability;
};

template <class T>
void norm_backward(RowCase& c, const BackwardOptions& o) {
  const int64_t n = padded * c.width, k = c.replicas, w = c.width;
  Batch batch(c);
  const DropoutCase dropout(c.device, o.probability, 6), after(c.device, o.after ? 0.2 : 0, 0);
  auto dy = c.random<float>(padded, w), xhat = c.random<float>(padded, w), rstd = c.random<float>(padded, 1), gamma = c.random<float>(1, w);
  auto dy2 = c.random<T>(padded, w), branch = c.empty<T>(padded, w);
  auto dx = c.empty<float>(padded, w), sums = c.random<float>(3, w);
  const int64_t floats = cuda::sums_workspace(padded, 3 * w, k);
  const cuda::Array<float> workspace(c.device, floats);

  auto dx_cpu = matrices<float>(k, n), sums_cpu = matrices<float>(k, 3 * w);
  auto branch_cpu = matrices<T>(k, n);
  for (int64_t r = 0; r < k; ++r) {
    std::vector<float> sum(dy.of(r), dy.of(r) + n);
    if (o.after) {  // the CPU's engine adds and drops before
      if (o.second) kernels::add(sum.data(), dy2.of(r), n);
      kernels::dropout_rows(sum.data(), after.host, batch.tokens.rows(), w);
    }
    std::copy_n(sums.of(r), 3 * w, sums_cpu[r].data());
    float* to = sums_cpu[r].data();
    kernels::norm_backward(sum.data(), o.second && !o.after ? dy2.of(r) : nullptr, xhat.of(r), rstd.of(r), gamma.of(r), dropout.host, batch.tokens.rows(), w,
                           dx_cpu[r].data(), o.branch ? branch_cpu[r].data() : nullptr, {o.sums ? to : nullptr, true}, {to + w, false},
                           {o.sums ? to + 2 * w : nullptr, false});
  }

  cuda::NormBackward<Low<T>> a{};
  a.dy = dy.each();
  if (o.second) a.dy2 = dy2.each();
  a.dropout_after = after.device;
  a.xhat = xhat.each();
  a.rstd = rstd.each();
  a.gamma = gamma.each().data;
  a.weights = gamma.stride();
  a.dropout = dropout.device;
  a.rows = batch.rows();
  a.width = static_cast<int>(w);
  a.dx = o.in_place ? dy.out() : dx.out();
  if (o.branch) a.branch = branch.out();
  const cuda::Columns to = sums.columns(false);
  if (o.sums) a.dgamma = {to.to, to.stride, true};
  a.dbeta = {to.to + w, to.stride, false};
  if (o.sums) a.dbranch = {to.to + 2 * w, to.stride, false};
  cuda::norm_backward(c.device, a, k, {workspace.data(), floats});
  c.expect("norm backward dx", o.in_place ? dy : dx, dx_cpu);
  if (o.branch) c.expect("norm backward branch", branch, branch_cpu);
  c.expect("norm backward sums", sums, sums_cpu);
}

template <class T>
void check_type(RowCase& c) {
  residual_norm<T>(c, 0.1, false, true);
  residual_norm<T>(c, 0, true, true);
  residual_norm<T>(c, 0.5, true, false);
  norm_backward<T>(c, {.second = true, .branch = true, .in_place = false, .sums = true, .after = false, .probability = 0.1});
  norm_backward<T>(c, {.second = false, .branch = true, .in_place = true, .sums = false, .after = false, .probability = 0});
  norm_backward<T>(c, {.second = true, .branch = false, .in_place = true, .sums = true, .after = true, .probability = 0.3});
}

void check_norms(RowCase& c) {
  check_type<float>(c);
  check_type<bf16>(c);
  plain_norm(c);
}

}  // namespace
}  // namespace lrdist::check

LRDIST_CHECK(norm) { lrdist::check::for_row_cases(c.device, lrdist::check::check_norms); }
