// Pulls towards an anchor, random and fixed masks over weights and gradients, and comparison of two buffers.
#include <ATen/Parallel.h>

#include <algorithm>

#include "../kernels.h"
#include "../scope.h"
#include "dropout.h"
#include "sum.h"

namespace lrdist::kernels {
namespace {

constexpr int64_t flat_grain = 16384;
// Elements drawn at once.
constexpr int64_t draw_block = 1024;

double pull_range(float* g, const float* w, Range range, float strength, const float* anchor, const float* fisher) {
  if (strength == 0) return sum_over(range, [=](int64_t i) { return g[i]; });
  if (!anchor) return sum_over(range, [=](int64_t i) { return g[i] += strength * w[i]; });
  if (!fisher) return sum_over(range, [=](int64_t i) { return g[i] += strength * (w[i] - anchor[i]); });
  return sum_over(range, [=](int64_t i) { return g[i] += strength * fisher[i] * (w[i] - anchor[i]); });
}

Work work_of(const std::vector<PullChunk>& chunks) {
  Work work;
  for (const PullChunk& c : chunks) {
    const auto elements = static_cast<double>(c.range.end - c.range.begin);
    const bool pulls = c.strength != 0;
    work.flops += elements * (pulls ? 5 : 2);
    work.bytes += elements * (pulls ? 12 + (c.anchor ? 4 : 0) + (c.fisher ? 4 : 0) : 4);
  }
  return work;
}

}  // namespace

double pull_gradient(float* g, const float* w, const std::vector<PullChunk>& chunks) {
  const Scope scope("gradient norm and pull", work_of(chunks));
  const auto length = [&](int64_t c) { return chunks[c].range.end - chunks[c].range.begin; };
  return parallel_sum(static_cast<int64_t>(chunks.size()), length, [&](int64_t c) {
    const auto [range, strength, anchor, fisher] = chunks[c];
    return pull_range(g, w, range, strength, anchor, fisher);
  });
}

void mix(float* out, const float* w, const float* anchor, int64_t rows, int64_t columns, const Dropout& draw, uint32_t tensor) {
  const Scope scope("mixout", element_work(rows, columns, 3, 12));
  std::vector<float> keep(static_cast<size_t>(keep_room(columns)));
  fill_keep(draw, 0, 0, static_cast<int32_t>(tensor), columns, keep.data());
  at::parallel_for(0, rows, 8, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const float *from = w + r * columns, *u = anchor + r * columns;
      float* to = out + r * columns;
#pragma omp simd
      for (int64_t j = 0; j < columns; ++j) to[j] = u[j] + keep[j] * (from[j] - u[j]);
    }
  });
}

void keep_columns(float* g, int64_t rows, int64_t columns, const Dropout& draw, uint32_t tensor) {
  const Scope scope("mixout of the gradient", element_work(rows, columns, 1, 8));
  std::vector<float> keep(static_cast<size_t>(keep_room(columns)));
  fill_keep(draw, 0, 0, static_cast<int32_t>(tensor), columns, keep.data());
  at::parallel_for(0, rows, 8, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      float* row = g + r * columns;
#pragma omp simd
      for (int64_t j = 0; j < columns; ++j) row[j] *= keep[j];
    }
  });
}

void keep_elements(float* g, int64_t n, const Dropout& draw, uint32_t tensor) {
  const Scope scope("gradient mask", flat_work(n, 1, 8));
  const int64_t blocks = (n + draw_block - 1) / draw_block;
  at::parallel_for(0, blocks, 4, [&](int64_t begin, int64_t end) {
    float keep[draw_block];
    for (int64_t block = begin; block < end; ++block) {
      const int64_t first = block * draw_block, count = std::min(draw_block, n - first);
      fill_keep(draw, static_cast<uint32_t>(block * (draw_block / 8)), 0, static_cast<int32_t>(tensor), count, keep);
#pragma omp simd
      for (int64_t i = 0; i < count; ++i) g[first + i] *= keep[i];
    }
  });
}

void keep_above(float* g, const float* fisher, float threshold, int64_t n) {
  const Scope scope("gradient mask", flat_work(n, 1, 12));
  at::parallel_for(0, n, flat_grain, [&](int64_t begin, int64_t end) {
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) g[i] = fisher[i] < threshold ? 0.0f : g[i];
  });
}

void moments_of_pair(const float* a, const float* b, int64_t n, double out[4]) {
  double aa = 0, ab = 0, bb = 0, dd = 0;
#pragma omp simd reduction(+ : aa, ab, bb, dd)
  for (int64_t i = 0; i < n; ++i) {
    const double x = a[i], y = b[i];
    aa += x * x;
    ab += x * y;
    bb += y * y;
    dd += (x - y) * (x - y);
  }
  out[0] = aa;
  out[1] = ab;
  out[2] = bb;
  out[3] = dd;
}

void add_scaled(float* sum, const float* g, int64_t n, float scale) {
  const Scope scope("add scaled", flat_work(n, 2, 12));
  at::parallel_for(0, n, flat_grain, [&](int64_t begin, int64_t end) {
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) sum[i] += scale * g[i];
  });
}

}  // namespace lrdist::kernels
