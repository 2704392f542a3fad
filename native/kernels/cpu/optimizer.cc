// Adam and AdamW as one pass over the arena's chunks; norms; squared-gradient sums.
#include <ATen/Parallel.h>

#include <cmath>

#include "../kernels.h"

namespace lrdist::kernels {
namespace {

template <bool decoupled>
void update(float* w, float* m, float* v, const float* g, const float* anchor, const AdamChunk& c, const AdamSettings& s) {
  const float keep = decoupled ? 1.0f - c.lr * c.decay : 1.0f;
#pragma omp simd
  for (int64_t i = c.begin; i < c.end; ++i) {
    float gradient = g[i] * s.clip;
    float weight = w[i];
    if (decoupled) weight *= keep;
    else gradient += c.decay * weight;
    const float first = m[i] + s.new1 * (gradient - m[i]);
    const float second = s.beta2 * v[i] + s.new2 * gradient * gradient;
    m[i] = first;
    v[i] = second;
    w[i] = weight - c.step_size * (first / (std::sqrt(second) / c.bias2_sqrt + s.eps));
  }
  if (c.pull == 0) return;
#pragma omp simd
  for (int64_t i = c.begin; i < c.end; ++i) w[i] -= c.pull * (w[i] - anchor[i]);
}

}  // namespace

void adam(float* w, float* m, float* v, const float* g, const float* anchor, const std::vector<AdamChunk>& chunks, const AdamSettings& settings) {
  at::parallel_for(0, static_cast<int64_t>(chunks.size()), 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      if (settings.decoupled) update<true>(w, m, v, g, anchor, chunks[i], settings);
      else update<false>(w, m, v, g, anchor, chunks[i], settings);
    }
  });
}

void decay(float* w, int64_t n, float factor) {
  at::parallel_for(0, n, 16384, [&](int64_t begin, int64_t end) {
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) w[i] *= factor;
  });
}

double squared_norm(const float* g, const std::vector<AdamChunk>& chunks) {
  std::vector<double> parts(chunks.size());
  at::parallel_for(0, static_cast<int64_t>(chunks.size()), 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      double sum = 0;
#pragma omp simd reduction(+ : sum)
      for (int64_t j = chunks[i].begin; j < chunks[i].end; ++j) sum += static_cast<double>(g[j]) * g[j];
      parts[i] = sum;
    }
  });
  double sum = 0;
  for (const double part : parts) sum += part;
  return sum;
}

void add_squares(float* sum, const float* g, int64_t n, float scale) {
  at::parallel_for(0, n, 16384, [&](int64_t begin, int64_t end) {
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) sum[i] += scale * g[i] * g[i];
  });
}

}  // namespace lrdist::kernels
