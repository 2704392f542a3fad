#include "core/cuda/launch_pointwise.h"
#include "row_case.h"

namespace lrdist::check {
namespace {

constexpr int padded = batch_padded;

void dropout_rows(RowCase& c, double probability, bool in_place) {
  const int64_t n = padded * c.width, k = c.replicas, w = c.width;
  Batch batch(c);
  const DropoutCase dropout(c.device, probability, kernels::site_head);
  auto x = c.random<float>(padded, w), y = c.empty<float>(padded, w);
  auto expected = matrices<float>(k, n);
  for (int64_t r = 0; r < k; ++r) {
    std::copy_n(x.of(r), c.count * w, expected[r].data());
    kernels::dropout_rows(expected[r].data(), dropout.host, batch.tokens.rows(), w);
  }
  cuda::dropout_rows(c.device, {x.each(), in_place ? x.out() : y.out(), dropout.device, batch.rows(), static_cast<int>(w), false}, k);
  c.expect("dropout of rows", in_place ? x : y, expected, 0);
}

void convert(RowCase& c) {
  const int64_t n = 5 * c.width, k = c.replicas;  // not a multiple of 8 where the width is odd
  auto full = c.random<float>(5, c.width);
  auto low = c.empty<bf16>(5, c.width);
  for (int64_t r = 0; r < k; ++r) {  // halves, ties to both sides, what rounds up to infinity, the least normal number
    const float special[] = {1.00390625f, 1.01171875f, -1.00390625f, 3.4028234e38f, -3.4028234e38f, 1.17549435e-38f, -0.0f, INFINITY};
    std::copy_n(special, 8, full.of(r) + c.width);
  }
  full.upload();
  auto expected = matrices<bf16>(k, n);
  for (int64_t r = 0; r < k; ++r) kernels::convert(full.of(r), expected[r].data(), n);
  cuda::convert(c.device, {full.each(), low.out(), n, false}, k);
  c.expect_bits("bf16 of floats", low, expected);
}

// Rows in another order, of a shared matrix or of one for each replica, taken and given back.
void some_rows(RowCase& c, bool shared, bool low_too) {
  constexpr int wanted = 13, wanted_padded = 16;
  const int64_t k = c.replicas, w = c.width;
  std::vector<int> rows;
  for (int i = 0; i < wanted; ++i) rows.push_back((7 * i) % padded);
  rows.resize(wanted_padded, -1000000);
  const auto index = cuda::uploaded(c.device, rows);
  const auto number = cuda::uploaded(c.device, std::vector<int>{wanted});
  auto x = c.random<float>(padded, w), y = c.empty<float>(wanted_padded, w);
  auto low = c.random<bf16>(padded, w), y_low = c.empty<bf16>(wanted_padded, w);
  auto y_cpu = matrices<float>(k, wanted_padded * w), x_cpu = matrices<float>(k, padded * w);
  auto y_low_cpu = matrices<bf16>(k, wanted_padded * w);
  for (int64_t r = 0; r < k; ++r) {
    kernels::gather_rows(x.of(shared ? 0 : r), rows.data(), wanted, wanted_padded, w, y_cpu[r].data());
    kernels::gather_rows(low.of(shared ? 0 : r), rows.data(), wanted, wanted_padded, w, y_low_cpu[r].data());
    std::copy_n(x.of(r), padded * w, x_cpu[r].data());
    if (low_too) kernels::scatter_add(y_low_cpu[r].data(), rows.data(), wanted, w, x_cpu[r].data());
    kernels::scatter_add(y_cpu[r].data(), rows.data(), wanted, w, x_cpu[r].data());
  }
  cuda::GatherRows a{};
  a.x = x.each(shared);
  a.y = y.out();
  if (low_too) {
    a.x_low = low.each(shared);
    a.y_low = y_low.out();
  }
  a.index = index.data();
  a.count = number.data();
  a.padded = wanted_padded;
  a.width = static_cast<int>(w);
  cuda::gather_rows(c.device, a, k);
  c.expect("gathered rows", y, y_cpu, 0);
  if (low_too) c.expect("gathered rows in bf16", y_low, y_low_cpu, 0);
  if (low_too) {
    cuda::add_rows<cuda::bfloat>(c.device, {x.out(), y_low.each(), y.each(), index.data(), number.data(), wanted_padded, static_cast<int>(w), false}, k);
  } else {
    cuda::add_rows<float>(c.device, {x.out(), {}, y.each(), index.data(), number.data(), wanted_padded, static_cast<int>(w), false}, k);
  }
  c.expect("added rows", x, x_cpu, 0);
}

void check_pointwise(RowCase& c) {
  dropout_rows(c, 0.3, false);
  dropout_rows(c, 0.3, true);
  dropout_rows(c, 0, false);
  convert(c);
  some_rows(c, false, true);
  some_rows(c, true, false);
}

}  // namespace
}  // namespace lrdist::check

LRDIST_CHECK(pointwise) { lrdist::check::for_row_cases(c.device, lrdist::check::check_pointwise); }
