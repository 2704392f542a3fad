// GELU, copies, sums.
#include <ATen/Parallel.h>

#include <algorithm>
#include <cstring>

#include "../kernels.h"
#include "dropout.h"
#include "simd.h"

namespace lrdist::kernels {
namespace {
constexpr int64_t flat_grain = 16384;
}

void dropout_rows(float* x, const Dropout& dropout, const Rows& rows, int64_t width) {
  if (!dropout.active()) return;
  at::parallel_for(0, rows.count, 16, [&](int64_t begin, int64_t end) {
    std::vector<float> keep(static_cast<size_t>(keep_room(width)));
    for (int64_t i = begin; i < end; ++i) {
      fill_keep(dropout, 0, rows.position[i], rows.slot[i], width, keep.data());
      float* row = x + i * width;
#pragma omp simd
      for (int64_t j = 0; j < width; ++j) row[j] *= keep[j];
    }
  });
}

void bias_gelu(float* u, const float* bias, const Rows& rows, int64_t width, float* g) {
  at::parallel_for(0, rows.count, 8, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      float* in = u + i * width;
      float* out = g + i * width;
#pragma omp simd
      for (int64_t j = 0; j < width; ++j) {
        const float x = in[j] + bias[j];
        float distribution, density;
        normal(x, distribution, density);
        in[j] = x;
        out[j] = x * distribution;
      }
    }
  });
  std::fill(g + rows.count * width, g + rows.padded * width, 0.0f);
}

void gelu_backward(float* dg, const float* u, int64_t count, int64_t width) {
  at::parallel_for(0, count * width, flat_grain, [&](int64_t begin, int64_t end) {
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) {
      float distribution, density;
      normal(u[i], distribution, density);
      dg[i] *= distribution + u[i] * density;
    }
  });
}

void add_bias(float* x, const float* bias, int64_t count, int64_t width) {
  at::parallel_for(0, count, 8, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      float* row = x + i * width;
#pragma omp simd
      for (int64_t j = 0; j < width; ++j) row[j] += bias[j];
    }
  });
}

void add(float* out, const float* x, int64_t n) {
  at::parallel_for(0, n, flat_grain, [&](int64_t begin, int64_t end) {
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) out[i] += x[i];
  });
}

void copy(float* out, const float* x, int64_t n) {
  at::parallel_for(0, n, flat_grain, [&](int64_t begin, int64_t end) {
    std::memcpy(out + begin, x + begin, static_cast<size_t>(end - begin) * sizeof(float));
  });
}

void gather_rows(const float* x, const int32_t* index, int64_t count, int64_t padded, int64_t width, float* out) {
  for (int64_t i = 0; i < count; ++i) std::memcpy(out + i * width, x + index[i] * width, static_cast<size_t>(width) * sizeof(float));
  std::fill(out + count * width, out + padded * width, 0.0f);
}

}  // namespace lrdist::kernels
