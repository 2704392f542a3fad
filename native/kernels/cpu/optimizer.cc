// Adam and AdamW as one pass over the arena's chunks; squared-gradient sums.
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>

#include "../kernels.h"
#include "../scope.h"
#include "sum.h"

namespace lrdist::kernels {
namespace {

// Without g the gradient is zero.
template <bool decoupled, bool has_gradient = true>
void update(float* w, float* m, float* v, const float* g, const float* anchor, const AdamChunk& c, const AdamSettings& s) {
  const float keep = decoupled ? 1.0f - c.lr * c.decay : 1.0f;
#pragma omp simd
  for (int64_t i = c.begin; i < c.end; ++i) {
    float gradient = has_gradient ? g[i] * s.clip : 0.0f;
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

void shrink(float* w, int64_t n, float keep) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) w[i] *= keep;
}

// The weight and both moments are read and written, the gradient (and the anchor) read.
Work work_of(const std::vector<AdamChunk>& chunks, bool anchor) {
  double elements = 0;
  for (const AdamChunk& c : chunks) elements += static_cast<double>(c.end - c.begin);
  return {14 * elements, (anchor ? 32 : 28) * elements};
}

Work work_of(const std::vector<LateChunk>& chunks) {
  double elements = 0, updates = 0;
  for (const LateChunk& c : chunks) {
    const auto width = static_cast<double>(c.end - c.begin);
    elements += width;
    updates += width * static_cast<double>(c.count);
  }
  return {12 * updates, 24 * elements};
}

}  // namespace

void adam(float* w, float* m, float* v, const float* g, const float* anchor, const std::vector<AdamChunk>& chunks, const AdamSettings& settings,
          const LowTarget& low) {
  const Scope scope("adam", work_of(chunks, anchor != nullptr));
  // Threads share the elements out, not the chunks: rows of the word embedding are short ones, matrices long ones.
  std::vector<int64_t> ends;
  ends.reserve(chunks.size());
  for (const AdamChunk& c : chunks) ends.push_back((ends.empty() ? 0 : ends.back()) + c.end - c.begin);
  at::parallel_for(0, ends.empty() ? 0 : ends.back(), 4096, [&](int64_t begin, int64_t end) {
    auto i = static_cast<size_t>(std::upper_bound(ends.begin(), ends.end(), begin) - ends.begin());
    for (; begin < end; ++i) {
      AdamChunk c = chunks[i];
      const int64_t to = std::min(end, ends[i]);
      c.begin = c.end - (ends[i] - begin);
      c.end -= ends[i] - to;
      if (settings.decoupled) update<true>(w, m, v, g, anchor, c, settings);
      else update<false>(w, m, v, g, anchor, c, settings);
      if (low.data && c.begin >= low.begin) convert(w + c.begin, low.data + (c.begin - low.begin), c.end - c.begin);  // still in the cache
      begin = to;
    }
  });
}

void adam_late(float* w, float* m, float* v, const std::vector<LateChunk>& chunks, const AdamSettings& settings) {
  const Scope scope("late rows", work_of(chunks));
  const auto chunk = [&](int64_t i) -> const LateChunk& { return chunks[static_cast<size_t>(i)]; };
  const auto length = [&](int64_t i) { return (chunk(i).end - chunk(i).begin) * chunk(i).count; };
  parallel_by_length(static_cast<int64_t>(chunks.size()), length, [&](int64_t i) {
    const LateChunk& late = chunk(i);
    for (int64_t step = 0; step < late.count; ++step) {
      AdamChunk c = late.steps[step];
      c.begin = late.begin;
      c.end = late.end;
      if (!late.moments) shrink(w + c.begin, c.end - c.begin, 1.0f - c.lr * c.decay);
      else if (settings.decoupled) update<true, false>(w, m, v, nullptr, nullptr, c, settings);
      else update<false, false>(w, m, v, nullptr, nullptr, c, settings);
    }
  });
}

void decay(float* w, int64_t n, float keep, const float* anchor, float pull) {
  const Scope scope("weight decay", flat_work(n, 1, anchor ? 12 : 8));
  at::parallel_for(0, n, 16384, [=](int64_t begin, int64_t end) {
    if (!anchor) return shrink(w + begin, end - begin, keep);
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) {
      const float weight = w[i] * keep;
      w[i] = weight - pull * (weight - anchor[i]);
    }
  });
}

void add_squares(float* sum, const float* g, int64_t n, float scale) {
  const Scope scope("add squares", flat_work(n, 3, 12));
  at::parallel_for(0, n, 16384, [&](int64_t begin, int64_t end) {
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) sum[i] += scale * g[i] * g[i];
  });
}

}  // namespace lrdist::kernels
