// Softmax cross-entropy over any number of classes, with its gradient in place; sampling from a softmax.
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>

#include "../kernels.h"
#include "../scope.h"
#include "rows.h"

namespace lrdist::kernels {
namespace {

float highest(const float* row, int64_t width) {
  f32x16 top = splat(row[0]);
  float rest = row[0];
  int64_t j = 0;
  for (; j + 16 <= width; j += 16) top = larger(load16(row + j), top);
  for (; j < width; ++j) rest = std::max(rest, row[j]);
  return std::max(rest, fold(top, larger)[0]);
}

// Sums of e^(x - top) and of x over a row: in fp32 within blocks of 1024, in double over the blocks.
struct RowSums {
  double exponentials = 0, values = 0;

  RowSums(const float* row, int64_t width, float top) {
    for (int64_t begin = 0; begin < width; begin += 1024) {
      Accumulators e, x;
      for_lanes_by_four(std::min<int64_t>(1024, width - begin), [&](auto at) {
        const f32x16 v = at.load(row + begin);
        e.part[at.part] += at.only(exp_fast(v - top));
        x.part[at.part] += v;
      });
      exponentials += e.sum();
      values += x.sum();
    }
  }
};

}  // namespace

void cross_entropy(float* logits, const int32_t* targets, int64_t count, int64_t width, double smoothing, float scale, bool gradient, float* losses) {
  const Scope scope("cross-entropy", element_work(count, width, gradient ? 8 : 4, gradient ? 8 : 4));
  at::parallel_for(0, count, row_grain(width), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      float* row = logits + i * width;
      const float top = highest(row, width);
      const RowSums sums(row, width, top);
      const double log_sum = std::log(sums.exponentials) + top;
      const double nll = log_sum - row[targets[i]];
      losses[i] = static_cast<float>((1 - smoothing) * nll + smoothing * (log_sum - sums.values / static_cast<double>(width)));
      if (!gradient) continue;
      const float inverse = static_cast<float>(1 / sums.exponentials);
      const float uniform = static_cast<float>(smoothing / static_cast<double>(width));
      const float on = static_cast<float>(1 - smoothing);
      for_lanes(width, [&](auto at) { at.store(row, scale * (exp_fast(at.load(row) - top) * inverse - uniform)); });
      row[targets[i]] -= scale * on;
    }
  });
}

void sample_classes(const float* logits, const float* u, int64_t count, int64_t width, int32_t* out) {
  at::parallel_for(0, count, row_grain(width), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const float* row = logits + i * width;
      const float top = highest(row, width);
      double rest = u[i] * RowSums(row, width, top).exponentials;
      int64_t pick = 0;
      for (; pick < width - 1; ++pick) {
        rest -= std::exp(row[pick] - top);
        if (rest < 0) break;
      }
      out[i] = static_cast<int32_t>(pick);
    }
  });
}

}  // namespace lrdist::kernels
