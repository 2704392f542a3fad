// Embedding lookup and LayerNorm with what surrounds it: bias, dropout, residual.
#include <ATen/Parallel.h>

#include <cmath>

#include "../kernels.h"
#include "../scope.h"
#include "rows.h"

namespace lrdist::kernels {
namespace {

struct Outputs {
  float* y;
  bf16* y_low;
  float *xhat, *rstd;
};

// Where row i of the outputs is.
Outputs row_of(const Outputs& out, int64_t i, int64_t width) {
  return {out.y + i * width, out.y_low ? out.y_low + i * width : nullptr, out.xhat ? out.xhat + i * width : nullptr, out.rstd ? out.rstd + i : nullptr};
}

void zero_tails(const Outputs& out, int64_t count, int64_t padded, int64_t width) {
  zero_tail(out.y, count, padded, width);
  zero_tail(out.y_low, count, padded, width);
}

// Normalises s [width], whose sum is known; keep factors, if any, apply to y.
void norm_row(const float* s, float sum, const float* gamma, const float* beta, float eps, const float* keep, int64_t width, const Outputs& out) {
  const float mean = sum / static_cast<float>(width);
  Accumulators squares;
  for_lanes_by_four(width, [&](auto at) {
    const f32x16 d = at.only(at.load(s) - mean);
    squares.part[at.part] += d * d;
  });
  const float r = 1.0f / std::sqrt(squares.sum() / static_cast<float>(width) + eps);
  if (out.rstd) *out.rstd = r;
  for_lanes(width, [&](auto at) {
    const f32x16 h = (at.load(s) - mean) * r;
    if (out.xhat) at.store(out.xhat, h);
    f32x16 y = h * at.load(gamma) + at.load(beta);
    if (keep) y *= at.load(keep);
    at.store(out.y, y);
    if (out.y_low) at.store(out.y_low, y);
  });
}

// Calls sum(row, scratch) -> sum of scratch.row, for every row, and normalises that.
template <class F>
void norm_rows(const Rows& rows, int64_t width, const float* gamma, const float* beta, float eps, const Dropout* after, const Outputs& out, const F& sum) {
  at::parallel_for(0, rows.count, row_grain(width), [&](int64_t begin, int64_t end) {
    RowScratch scratch(width);
    for (int64_t i = begin; i < end; ++i) {
      const float total = sum(i, scratch);
      if (after) fill_keep(*after, 0, rows.position[i], rows.slot[i], width, scratch.keep.data());
      norm_row(scratch.row.data(), total, gamma, beta, eps, after ? scratch.keep.data() : nullptr, width, row_of(out, i, width));
    }
  });
  zero_tails(out, rows.count, rows.padded, width);
}

}  // namespace

void embed(const int32_t* ids, const int32_t* types, const Rows& rows, int64_t width, const EmbeddingWeights& w, float eps, const Dropout& dropout,
           float* y, bf16* y_low, float* xhat, float* rstd) {
  const Scope scope("embeddings and norm", element_work(rows.count, width, 10, 16.0 + (y_low ? 2 : 0) + (xhat ? 4 : 0)));
  norm_rows(rows, width, w.gamma, w.beta, eps, dropout.active() ? &dropout : nullptr, {y, y_low, xhat, rstd}, [&](int64_t i, RowScratch& scratch) {
    const float* word = w.word + ids[i] * width;
    const float* position = w.position + rows.position[i] * width;
    const float* type = w.type + types[i] * width;
    Accumulators sum;
    for_lanes_by_four(width, [&](auto at) {
      const f32x16 s = at.load(word) + at.load(type) + at.load(position);
      at.store(scratch.row.data(), s);
      sum.part[at.part] += s;
    });
    return sum.sum();
  });
}

template <class T>
void bias_dropout_residual_norm(const T* x, const float* bias, const float* residual, const float* gamma, const float* beta, float eps,
                                const Dropout& dropout, const Rows& rows, int64_t width, float* y, bf16* y_low, float* xhat, float* rstd) {
  const Scope scope("dropout, residual and norm", element_work(rows.count, width, 11, sizeof(T) + 8.0 + (y_low ? 2 : 0) + (xhat ? 4 : 0)));
  norm_rows(rows, width, gamma, beta, eps, nullptr, {y, y_low, xhat, rstd}, [&](int64_t i, RowScratch& scratch) {
    const T* in = x + i * width;
    const float* other = residual + i * width;
    const bool drop = dropout.active();
    if (drop) fill_keep(dropout, 0, rows.position[i], rows.slot[i], width, scratch.keep.data());
    Accumulators sum;
    for_lanes_by_four(width, [&](auto at) {
      f32x16 s = at.load(in) + at.load(bias);
      if (drop) s *= at.load(scratch.keep.data());
      s += at.load(other);
      at.store(scratch.row.data(), s);
      sum.part[at.part] += s;
    });
    return sum.sum();
  });
}

void norm(const float* x, const float* gamma, const float* beta, float eps, int64_t count, int64_t padded, int64_t width, float* y, bf16* y_low, float* xhat,
          float* rstd) {
  const Scope scope("norm", element_work(count, width, 8, 8.0 + (y_low ? 2 : 0) + (xhat ? 4 : 0)));
  norm_rows({count, padded}, width, gamma, beta, eps, nullptr, {y, y_low, xhat, rstd}, [&](int64_t i, RowScratch& scratch) {
    Accumulators sum;
    for_lanes_by_four(width, [&](auto at) {
      const f32x16 s = at.load(x + i * width);
      at.store(scratch.row.data(), s);
      sum.part[at.part] += s;
    });
    return sum.sum();
  });
}

#define INSTANTIATE(T)                                                                                                                                   \
  template void bias_dropout_residual_norm(const T*, const float*, const float*, const float*, const float*, float, const Dropout&, const Rows&, int64_t, \
                                           float*, bf16*, float*, float*);
INSTANTIATE(float)
INSTANTIATE(bf16)

}  // namespace lrdist::kernels
