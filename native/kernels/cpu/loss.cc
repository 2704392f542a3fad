// Softmax cross-entropy over any number of classes, with its gradient in place; sampling from a softmax.
#include <ATen/Parallel.h>

#include <cmath>

#include "../kernels.h"
#include "simd.h"

namespace lrdist::kernels {
namespace {

float highest(const float* row, int64_t width) {
  float h = row[0];
#pragma omp simd reduction(max : h)
  for (int64_t j = 0; j < width; ++j) h = row[j] > h ? row[j] : h;
  return h;
}

}  // namespace

void cross_entropy(float* logits, const int32_t* targets, int64_t count, int64_t width, double smoothing, float scale, bool gradient, float* losses) {
  at::parallel_for(0, count, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      float* row = logits + i * width;
      const float top = highest(row, width);
      double sum = 0, all = 0;
#pragma omp simd reduction(+ : sum, all)
      for (int64_t j = 0; j < width; ++j) {
        sum += exp_fast(row[j] - top);
        all += row[j];
      }
      const double log_sum = std::log(sum) + top;
      const double nll = log_sum - row[targets[i]];
      losses[i] = static_cast<float>((1 - smoothing) * nll + smoothing * (log_sum - all / static_cast<double>(width)));
      if (!gradient) continue;
      const float inverse = static_cast<float>(1 / sum);
      const float uniform = static_cast<float>(smoothing / static_cast<double>(width));
      const float on = static_cast<float>(1 - smoothing);
      const float target = row[targets[i]];
#pragma omp simd
      for (int64_t j = 0; j < width; ++j) row[j] = scale * (exp_fast(row[j] - top) * inverse - uniform);
      row[targets[i]] = scale * (exp_fast(target - top) * inverse - uniform - on);
    }
  });
}

void sample_classes(const float* logits, const float* u, int64_t count, int64_t width, int32_t* out) {
  at::parallel_for(0, count, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const float* row = logits + i * width;
      const float top = highest(row, width);
      double sum = 0;
      for (int64_t j = 0; j < width; ++j) sum += exp_fast(row[j] - top);
      double rest = u[i] * sum;
      int64_t pick = 0;
      for (; pick < width - 1; ++pick) {
        rest -= exp_fast(row[pick] - top);
        if (rest < 0) break;
      }
      out[i] = static_cast<int32_t>(pick);
    }
  });
}

}  // namespace lrdist::kernels
