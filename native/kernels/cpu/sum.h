// Sums of squares that repeat bit for bit: added within a range by its place alone, and over the ranges in their order.
#pragma once

#include <ATen/Parallel.h>

#include <algorithm>
#include <vector>

#include "../kernels.h"

namespace lrdist::kernels {

// Sum of f(i)^2 over a range, in double. Sums of their own for each lane of a vector: the compiler's simd reduction keeps them in memory, which takes ten times as long.
template <class F>
double sum_over(Range range, const F& f) {
  constexpr int64_t lanes = 32;
  double sums[lanes] = {};
  int64_t i = range.begin;
  for (; i + lanes <= range.end; i += lanes) {
    float values[lanes];
#pragma omp simd
    for (int64_t lane = 0; lane < lanes; ++lane) values[lane] = f(i + lane);
#pragma omp simd
    for (int64_t lane = 0; lane < lanes; ++lane) sums[lane] += static_cast<double>(values[lane]) * values[lane];
  }
  for (int64_t lane = 0; i < range.end; ++i, ++lane) {
    const double value = f(i);
    sums[lane] += value * value;
  }
  double sum = 0;
  for (const double part : sums) sum += part;
  return sum;
}

// Calls f(0), f(1), ..., f(n - 1), shared out among all threads; length(i) says how much work f(i) is.
template <class Length, class F>
void parallel_by_length(int64_t n, const Length& length, const F& f) {
  std::vector<int64_t> starts(static_cast<size_t>(n));
  int64_t total = 0;
  for (int64_t i = 0; i < n; ++i) {
    starts[static_cast<size_t>(i)] = total;
    total += length(i);
  }
  const auto first_from = [&](int64_t at) { return std::lower_bound(starts.begin(), starts.end(), at) - starts.begin(); };
  at::parallel_for(0, total, 4096, [&](int64_t begin, int64_t end) {
    for (int64_t i = first_from(begin), last = first_from(end); i < last; ++i) f(i);
  });
}

// f(0) + f(1) + ... + f(n - 1), in the same way.
template <class Length, class F>
double parallel_sum(int64_t n, const Length& length, const F& f) {
  std::vector<double> parts(static_cast<size_t>(n));
  parallel_by_length(n, length, [&](int64_t i) { parts[static_cast<size_t>(i)] = f(i); });
  double sum = 0;
  for (const double part : parts) sum += part;
  return sum;
}

}  // namespace lrdist::kernels
