// What the bodies of all kernels share.
#include "kernels/cuda/probe.h"

#include <algorithm>
#include <limits>

#include "check.h"
#include "kernels/cpu/dropout.h"

namespace lrdist::check {

LRDIST_CHECK(keep_factors) {
  constexpr int rows = 5, width = 136;
  const kernels::Dropout dropout = kernels::make_dropout(0.1, 0x123456789ABCDEFu, 7, kernels::site_feed_forward(3));
  const std::vector<int> position = {0, 1, 127, 3, 511}, slot = {0, 3, 2, 31, 1};
  std::vector<float> expected;
  for (size_t row = 0; row < rows; ++row) {
    std::vector<float> keep(static_cast<size_t>(kernels::keep_room(width)));
    kernels::fill_keep(dropout, 0, position[row], slot[row], width, keep.data());
    expected.insert(expected.end(), keep.begin(), keep.begin() + width);
  }
  const auto positions = c.array(position), slots = c.array(slot);
  const auto step = c.array(std::vector<unsigned>{dropout.step});
  const auto keep = c.room<float>(rows * width);
  const cuda::Dropout on_device = {dropout.threshold, dropout.scale, dropout.key0, dropout.key1, dropout.site, step.data()};
  c.device.launch(cuda::keep_probe, {rows, 1, 1, cuda::probe_threads, 0}, cuda::KeepProbe{on_device, positions.data(), slots.data(), width, keep.data()});
  expect_same("keep", keep.read(), expected);
}

LRDIST_CHECK(bf16) {
  std::vector<float> values = random_floats(4096, 1, 100);
  const float special[] = {0.0f, -0.0f, 1.00390625f, 1.01171875f, 3.39e38f, std::numeric_limits<float>::infinity(), 1e-40f, 65537.0f};
  std::copy(std::begin(special), std::end(special), values.begin());
  const auto from = c.array(values);
  const auto to = c.room<cuda::bfloat>(values.size());
  c.device.launch(cuda::round_probe, {1, 1, 1, cuda::probe_threads, 0}, cuda::RoundProbe{from.data(), to.data(), static_cast<int>(values.size())});
  expect_same("rounded", widened(to.read()), widened(rounded(values)));

  const float nan = std::numeric_limits<float>::quiet_NaN();
  const auto nans = c.array(std::vector<float>(8, nan));
  const auto low = c.room<cuda::bfloat>(8);
  c.device.launch(cuda::round_probe, {1, 1, 1, cuda::probe_threads, 0}, cuda::RoundProbe{nans.data(), low.data(), 8});
  expect_near("NaN", widened(low.read()), std::vector<float>(8, nan), 0);
}

LRDIST_CHECK(block_sums) {
  constexpr size_t rows = 3, width = 1000;
  const std::vector<float> values = random_floats(rows * width, 2);
  std::vector<float> sums, maxima;
  for (size_t row = 0; row < rows; ++row) {
    double sum = 0;
    for (size_t i = 0; i < width; ++i) sum += values[row * width + i];
    sums.push_back(static_cast<float>(sum));
    maxima.push_back(*std::max_element(values.begin() + row * width, values.begin() + (row + 1) * width));
  }
  const auto from = c.array(values);
  const auto sum = c.room<float>(rows), largest = c.room<float>(rows);
  for (const unsigned threads : {32u, 128u}) {
    c.device.launch(cuda::sum_probe, {rows, 1, 1, threads, 0}, cuda::SumProbe{from.data(), width, sum.data(), largest.data()});
    expect_near("sum", sum.read(), sums, 1e-5);
    expect_same("largest", largest.read(), maxima);
  }
}

}  // namespace lrdist::check
