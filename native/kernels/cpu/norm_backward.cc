// Gradient of LayerNorm, of its parameters and of the bias and dropout before it, in one pass.
#include "../scope.h"
#include "column_sums.h"
#include "rows.h"

namespace lrdist::kernels {
namespace {

struct Sums {
  float *gamma, *beta, *branch;
};

// One row; d is scratch. keep null: no dropout.
template <class T>
void backward_row(const float* dy, const T* dy2, const float* xhat, float rstd, const float* gamma, const float* keep, int64_t width, float* d, float* dx, T* branch,
                  const Sums& sums) {
  Accumulators total, against;
  for_lanes_by_four(width, [&](auto at) {
    f32x16 v = at.load(dy);
    if (dy2) v += at.load(dy2);
    const f32x16 h = at.load(xhat), g = v * at.load(gamma);
    if (sums.gamma) add_to(at, sums.gamma, v * h);
    if (sums.beta) add_to(at, sums.beta, v);
    at.store(d, g);
    total.part[at.part] += g;
    against.part[at.part] += g * h;
  });
  const float a = total.sum() / static_cast<float>(width), b = against.sum() / static_cast<float>(width);
  for_lanes(width, [&](auto at) {
    const f32x16 v = rstd * (at.load(d) - a - at.load(xhat) * b);
    at.store(dx, v);
    const f32x16 dropped = keep ? v * at.load(keep) : v;
    if (branch) at.store(branch, dropped);
    if (sums.branch) add_to(at, sums.branch, dropped);
  });
}

}  // namespace

template <class T>
void norm_backward(const float* dy, const T* dy2, const float* xhat, const float* rstd, const float* gamma, const Dropout& dropout, const Rows& rows,
                   int64_t width, float* dx, T* branch, ColumnTarget dgamma, ColumnTarget dbeta, ColumnTarget dbranch) {
  const Scope scope("norm backward", element_work(rows.count, width, 16, 12.0 + (dy2 ? sizeof(T) : 0) + (branch ? sizeof(T) : 0)));
  if (static_cast<void*>(branch) == dx) branch = nullptr;
  const BlockSums gammas(dgamma, rows.count, width), betas(dbeta, rows.count, width), branches(dbranch, rows.count, width);
  const bool drop = dropout.active() && (branch || dbranch.to);
  for_row_blocks(rows.count, [&](int64_t block, int64_t begin, int64_t end) {
    RowScratch scratch(width);
    const Sums sums{gammas.block(block), betas.block(block), branches.block(block)};
    for (int64_t i = begin; i < end; ++i) {
      if (drop) fill_keep(dropout, 0, rows.position[i], rows.slot[i], width, scratch.keep.data());
      const int64_t row = i * width;
      backward_row(dy + row, dy2 ? dy2 + row : nullptr, xhat + row, rstd[i], gamma, drop ? scratch.keep.data() : nullptr, width, scratch.row.data(), dx + row,
                   branch ? branch + row : nullptr, sums);
    }
  });
  gammas.finish();
  betas.finish();
  branches.finish();
  zero_tail(dx, rows.count, rows.padded, width);
  zero_tail(branch, rows.count, rows.padded, width);
}

#define INSTANTIATE(T)                                                                                                                                    \
  template void norm_backward(const float*, const T*, const float*, const float*, const float*, const Dropout&, const Rows&, int64_t, float*, T*, ColumnTarget, \
                              ColumnTarget, ColumnTarget);
INSTANTIATE(float)
INSTANTIATE(bf16)

}  // namespace lrdist::kernels
