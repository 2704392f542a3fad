#include "core/cuda/launch_pointwise.h"
#include "row_case.h"

namespace lrdist::check {
namespace {

constexpr int padded = batch_padded;

template <class T>
void gelu(RowCase& c, bool kept) {
  const int64_t n = padded * c.width, k = c.replicas, w = c.width;
  Batch batch(c);
  auto u = c.random<T>(padded, w, 2), g = c.empty<T>(padded, w), dg = c.random<T>(padded, w);
  auto bias = c.random<float>(1, w), sums = c.random<float>(1, w);
  auto g_cpu = matrices<T>(k, n), u_cpu = matrices<T>(k, n), dg_cpu = matrices<T>(k, n);
  auto sums_cpu = matrices<float>(k, w);
  for (int64_t r = 0; r < k; ++r) {
    std::copy_n(u.of(r), n, u_cpu[r].data());
    kernels::bias_gelu(u_cpu[r].data(), bias.of(r), batch.tokens.rows(), w, kept ? g_cpu[r].data() : u_cpu[r].data());
    std::copy_n(dg.of(r), c.count * w, dg_cpu[r].data());
    std::copy_n(sums.of(r), w, sums_cpu[r].data());
  }
  cuda::BiasGelu<Low<T>> a{};
  a.u = u.out();
  a.bias = bias.each().data;
  a.weights = bias.stride();
  a.count = batch.count.data();
  a.padded = padded;
  a.width = static_cast<int>(w);
  a.g = kept ? g.out() : u.out();
  cuda::bias_gelu(c.device, a, k);
  if (!kept) {
    c.expect("gelu in place", u, u_cpu);
    return;
  }
  c.expect("gelu", g, g_cpu);
  c.expect_rows("gelu's derivative", u, u_cpu, c.count * w);

  // The product with the same derivative on both sides.
  for (int64_t r = 0; r < k; ++r) {
    std::copy_n(u_cpu[r].data(), n, u.of(r));
    kernels::gelu_backward(dg_cpu[r].data(), u.of(r), c.count, w, {sums_cpu[r].data(), true});
  }
  u.upload();
  const int64_t floats = cuda::sums_workspace(padded, w, k);
  const cuda::Array<float> workspace(c.device, floats);
  cuda::GeluBackward<Low<T>> b{};
  b.dg = dg.out();
  b.derivative = u.each();
  b.count = batch.count.data();
  b.padded = padded;
  b.width = static_cast<int>(w);
  b.sums = sums.columns(true);
  cuda::gelu_backward(c.device, b, k, {workspace.data(), floats});
  c.expect("gelu backward", dg, dg_cpu, 0);
  c.expect("gelu backward's sums", sums, sums_cpu);
}

// Three parts of a joint matrix, of which the middle one is not wanted; from row `first` of the count on.
template <class T>
void column_sums(RowCase& c, int first) {
  const int64_t k = c.replicas, w = c.width;
  Batch batch(c);
  auto d = c.random<T>(padded, 3 * w);
  auto sums = c.random<float>(2, w);
  auto expected = matrices<float>(k, 2 * w);
  for (int64_t r = 0; r < k; ++r) {
    std::vector<float> joint(static_cast<size_t>(3 * w));
    kernels::column_sums(d.of(r), std::max(c.count - first, 0), 3 * w, joint.data(), false);
    for (int64_t i = 0; i < w; ++i) {
      expected[r][i] = joint[i];
      expected[r][w + i] = sums.of(r)[w + i] + joint[2 * w + i];
    }
  }
  const int64_t floats = cuda::sums_workspace(padded, 3 * w, k);
  const cuda::Array<float> workspace(c.device, floats);
  const cuda::Columns to = sums.columns(false);
  cuda::ColumnSums<Low<T>> a{};
  a.d = d.each();
  a.count = batch.count.data();
  a.first = first;
  a.padded = padded;
  a.width = static_cast<int>(3 * w);
  a.parts = 3;
  a.to[0] = to;
  a.to[2] = {to.to + w, to.stride, true};
  cuda::column_sums(c.device, a, k, {workspace.data(), floats});
  c.expect("column sums", sums, expected);
}

void tanh_of_rows(RowCase& c) {
  const int64_t k = c.replicas, w = c.width;
  Batch batch(c);
  auto x = c.random<float>(padded, w), bias = c.random<float>(1, w);
  auto expected = matrices<float>(k, padded * w);
  for (int64_t r = 0; r < k; ++r)
    for (int64_t i = 0; i < c.count * w; ++i) expected[r][i] = std::tanh(x.of(r)[i] + bias.of(r)[i % w]);
  cuda::bias_tanh(c.device, {x.out(), bias.each().data, bias.stride(), batch.count.data(), padded, static_cast<int>(w), false}, k);
  c.expect("tanh", x, expected);
}

void check_sums(RowCase& c) {
  gelu<float>(c, true);
  gelu<bf16>(c, true);
  gelu<float>(c, false);
  gelu<bf16>(c, false);
  column_sums<float>(c, 0);
  column_sums<bf16>(c, 20);
  column_sums<float>(c, 64);
  tanh_of_rows(c);
}

}  // namespace
}  // namespace lrdist::check

LRDIST_CHECK(row_sums) { lrdist::check::for_row_cases(c.device, lrdist::check::check_sums); }
