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

void add_bias(RowCase& c, int first) {
  const int64_t n = padded * c.width, k = c.replicas, w = c.width;
  Batch batch(c);
  auto x = c.random<float>(padded, w), bias = c.random<float>(1, w);
  auto expected = matrices<float>(k, n);
  for (int64_t r = 0; r < k; ++r) {
    std::copy_n(x.of(r), n, expected[r].data());
    kernels::add_bias(expected[r].data(), bias.of(r), std::max(c.count - first, 0), w);
  }
  cuda::add_bias(c.device, {x.out(), bias.each().data, bias.stride(), batch.count.data(), first, padded, static_cast<int>(w), false}, k);
  c.expect("bias", x, expected, 0);
}

template <class T>
void add(RowCase& c) {
  const int64_t n = 5 * c.width, k = c.replicas;  // not a multiple of 8 where the width is odd
  auto out = c.random<float>(5, c.width);
  auto x = c.random<T>(5, c.width);
  auto expected = matrices<float>(k, n);
  for (int64_t r = 0; r < k; ++r) {
    std::copy_n(out.of(r), n, expected[r].data());
    kernels::add(expected[r].data(), x.of(r), n);
  }
  cuda::add<Low<T>>(c.device, {out.out(), x.each(), n, false}, k);
  c.expect("sum", out, expected, 0);
}

void convert(RowCase& c) {
  const int64_t n = 5 * c.width, k = c.replicas;
  auto full = c.random<float>(5, c.width), back = c.empty<float>(5, c.width);
  auto low = c.empty<bf16>(5, c.width);
  for (int64_t r = 0; r < k; ++r) {  // halves, ties to both sides, what rounds up to infinity, the least normal number
    const float special[] = {1.00390625f, 1.01171875f, -1.00390625f, 3.4028234e38f, -3.4028234e38f, 1.17549435e-38f, -0.0f, INFINITY};
    std::copy_n(special, 8, full.of(r) + c.width);
  }
  full.upload();
  auto low_cpu = matrices<bf16>(k, n);
  auto back_cpu = matrices<float>(k, n);
  for (int64_t r = 0; r < k; ++r) {
    kernels::convert(full.of(r), low_cpu[r].data(), n);
    kernels::convert(low_cpu[r].data(), back_cpu[r].data(), n);
  }
  cuda::convert(c.device, cuda::Convert<float, cuda::bfloat>{full.each(), low.out(), n, false}, k);
  cuda::convert(c.device, cuda::Convert<cuda::bfloat, float>{low.each(), back.out(), n, false}, k);
  c.expect_bits("bf16 of floats", low, low_cpu);
  c.expect_bits("floats of bf16", back, back_cpu);
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

// The middle third of the columns.
template <class T>
void zero_rows(RowCase& c, int first) {
  const int64_t k = c.replicas, w = c.width;
  Batch batch(c);
  auto x = c.random<T>(padded, 3 * w);
  auto expected = matrices<T>(k, padded * 3 * w);
  for (int64_t r = 0; r < k; ++r) {
    std::copy_n(x.of(r), padded * 3 * w, expected[r].data());
    for (int64_t row = std::max(c.count - first, 0); row < padded; ++row) std::fill_n(expected[r].data() + (3 * row + 1) * w, w, T{});
  }
  cuda::Each<Low<T>> middle = x.out();
  middle.data += w;
  cuda::zero_rows<Low<T>>(c.device, {middle, batch.count.data(), first, padded, static_cast<int>(w), 3 * w}, k);
  c.expect("zero rows", x, expected, 0);
}

void check_pointwise(RowCase& c) {
  dropout_rows(c, 0.3, false);
  dropout_rows(c, 0.3, true);
  dropout_rows(c, 0, false);
  add_bias(c, 0);
  add_bias(c, 30);
  add<float>(c);
  add<bf16>(c);
  convert(c);
  some_rows(c, false, true);
  some_rows(c, true, false);
  zero_rows<float>(c, 0);
  zero_rows<bf16>(c, 20);
}

}  // namespace
}  // namespace lrdist::check

LRDIST_CHECK(pointwise) { lrdist::check::for_row_cases(c.device, lrdist::check::check_pointwise); }
