// Embedding lookup and LayerNorm with what surrounds it: bias, dropout, residual; forward and backward.
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>

#include "../kernels.h"
#include "dropout.h"

namespace lrdist::kernels {
namespace {

constexpr int64_t row_grain = 16;
constexpr int64_t column_block = 64;

void zero_tail(float* x, int64_t count, int64_t padded, int64_t width) { std::fill(x + count * width, x + padded * width, 0.0f); }

// Normalises s [width]; writes y and, if asked, xhat and rstd.
void norm_row(const float* s, const float* gamma, const float* beta, float eps, int64_t width, float* y, float* xhat, float* rstd) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t j = 0; j < width; ++j) sum += s[j];
  const float mean = sum / static_cast<float>(width);
  float squares = 0;
#pragma omp simd reduction(+ : squares)
  for (int64_t j = 0; j < width; ++j) {
    const float d = s[j] - mean;
    squares += d * d;
  }
  const float r = 1.0f / std::sqrt(squares / static_cast<float>(width) + eps);
  if (xhat) {
#pragma omp simd
    for (int64_t j = 0; j < width; ++j) {
      const float h = (s[j] - mean) * r;
      xhat[j] = h;
      y[j] = h * gamma[j] + beta[j];
    }
    *rstd = r;
  } else {
#pragma omp simd
    for (int64_t j = 0; j < width; ++j) y[j] = (s[j] - mean) * r * gamma[j] + beta[j];
  }
}

}  // namespace

void embed(const int32_t* ids, const int32_t* types, const Rows& rows, int64_t width, const EmbeddingWeights& w, float eps, const Dropout& dropout,
           float* y, float* xhat, float* rstd) {
  at::parallel_for(0, rows.count, row_grain, [&](int64_t begin, int64_t end) {
    std::vector<float> sum(static_cast<size_t>(width)), keep(static_cast<size_t>(keep_room(width)));
    for (int64_t i = begin; i < end; ++i) {
      const float* word = w.word + ids[i] * width;
      const float* position = w.position + rows.position[i] * width;
      const float* type = w.type + types[i] * width;
#pragma omp simd
      for (int64_t j = 0; j < width; ++j) sum[j] = word[j] + type[j] + position[j];
      float* out = y + i * width;
      norm_row(sum.data(), w.gamma, w.beta, eps, width, out, xhat ? xhat + i * width : nullptr, rstd ? rstd + i : nullptr);
      if (dropout.active()) {
        fill_keep(dropout, 0, rows.position[i], rows.slot[i], width, keep.data());
#pragma omp simd
        for (int64_t j = 0; j < width; ++j) out[j] *= keep[j];
      }
    }
  });
  zero_tail(y, rows.count, rows.padded, width);
}

void scatter_add(const float* d, const int32_t* index, int64_t count, int64_t width, float* table) {
  const int64_t blocks = (width + column_block - 1) / column_block;
  at::parallel_for(0, blocks, 1, [&](int64_t first, int64_t last) {
    const int64_t from = first * column_block, to = std::min(last * column_block, width);
    for (int64_t i = 0; i < count; ++i) {
      float* out = table + index[i] * width;
      const float* in = d + i * width;
#pragma omp simd
      for (int64_t j = from; j < to; ++j) out[j] += in[j];
    }
  });
}

void bias_dropout_residual_norm(const float* x, const float* bias, const float* residual, const float* gamma, const float* beta, float eps,
                                const Dropout& dropout, const Rows& rows, int64_t width, float* y, float* xhat, float* rstd) {
  at::parallel_for(0, rows.count, row_grain, [&](int64_t begin, int64_t end) {
    std::vector<float> sum(static_cast<size_t>(width)), keep(static_cast<size_t>(keep_room(width)));
    for (int64_t i = begin; i < end; ++i) {
      const float* in = x + i * width;
      const float* res = residual + i * width;
      if (dropout.active()) {
        fill_keep(dropout, 0, rows.position[i], rows.slot[i], width, keep.data());
#pragma omp simd
        for (int64_t j = 0; j < width; ++j) sum[j] = (in[j] + bias[j]) * keep[j] + res[j];
      } else {
#pragma omp simd
        for (int64_t j = 0; j < width; ++j) sum[j] = in[j] + bias[j] + res[j];
      }
      norm_row(sum.data(), gamma, beta, eps, width, y + i * width, xhat ? xhat + i * width : nullptr, rstd ? rstd + i : nullptr);
    }
  });
  zero_tail(y, rows.count, rows.padded, width);
}

void norm(const float* x, const float* gamma, const float* beta, float eps, int64_t count, int64_t padded, int64_t width, float* y, float* xhat, float* rstd) {
  at::parallel_for(0, count, row_grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      norm_row(x + i * width, gamma, beta, eps, width, y + i * width, xhat ? xhat + i * width : nullptr, rstd ? rstd + i : nullptr);
  });
  zero_tail(y, count, padded, width);
}

void norm_backward(float* dy, const float* dy2, const float* xhat, const float* rstd, const float* gamma, const Dropout& dropout, const Rows& rows,
                   int64_t width, float* dx, float* branch) {
  at::parallel_for(0, rows.count, row_grain, [&](int64_t begin, int64_t end) {
    std::vector<float> keep(static_cast<size_t>(keep_room(width)));
    for (int64_t i = begin; i < end; ++i) {
      float* d = dy + i * width;
      const float* h = xhat + i * width;
      if (dy2) {
        const float* second = dy2 + i * width;
#pragma omp simd
        for (int64_t j = 0; j < width; ++j) d[j] += second[j];
      }
      float a = 0, b = 0;
#pragma omp simd reduction(+ : a, b)
      for (int64_t j = 0; j < width; ++j) {
        const float g = d[j] * gamma[j];
        a += g;
        b += g * h[j];
      }
      a /= static_cast<float>(width);
      b /= static_cast<float>(width);
      const float r = rstd[i];
      float* out = dx + i * width;
#pragma omp simd
      for (int64_t j = 0; j < width; ++j) out[j] = r * (d[j] * gamma[j] - a - h[j] * b);
      if (branch && branch != dx) {
        float* dropped = branch + i * width;
        fill_keep(dropout, 0, rows.position[i], rows.slot[i], width, keep.data());
#pragma omp simd
        for (int64_t j = 0; j < width; ++j) dropped[j] = out[j] * keep[j];
      }
    }
  });
  zero_tail(dx, rows.count, rows.padded, width);
  if (branch && branch != dx) zero_tail(branch, rows.count, rows.padded, width);
}

void norm_parameter_gradients(const float* dy, const float* xhat, int64_t count, int64_t width, float* dgamma, float* dbeta, bool accumulate) {
  const int64_t blocks = (width + column_block - 1) / column_block;
  at::parallel_for(0, blocks, 1, [&](int64_t first, int64_t last) {
    for (int64_t block = first; block < last; ++block) {
      const int64_t from = block * column_block, n = std::min(column_block, width - from);
      float g[column_block] = {}, b[column_block] = {};
      for (int64_t i = 0; i < count; ++i) {
        const float* d = dy + i * width + from;
        const float* h = xhat + i * width + from;
#pragma omp simd
        for (int64_t j = 0; j < n; ++j) {
          g[j] += d[j] * h[j];
          b[j] += d[j];
        }
      }
      for (int64_t j = 0; j < n; ++j) {
        dgamma[from + j] = accumulate ? dgamma[from + j] + g[j] : g[j];
        dbeta[from + j] = accumulate ? dbeta[from + j] + b[j] : b[j];
      }
    }
  });
}

void column_sums(const float* d, int64_t count, int64_t width, float* out, bool accumulate) {
  const int64_t blocks = (width + column_block - 1) / column_block;
  at::parallel_for(0, blocks, 1, [&](int64_t first, int64_t last) {
    for (int64_t block = first; block < last; ++block) {
      const int64_t from = block * column_block, n = std::min(column_block, width - from);
      float s[column_block] = {};
      for (int64_t i = 0; i < count; ++i) {
        const float* row = d + i * width + from;
#pragma omp simd
        for (int64_t j = 0; j < n; ++j) s[j] += row[j];
      }
      for (int64_t j = 0; j < n; ++j) out[from + j] = accumulate ? out[from + j] + s[j] : s[j];
    }
  });
}

}  // namespace lrdist::kernels
