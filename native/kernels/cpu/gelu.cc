// GELU in its erf form, with the bias before it.
#include "../scope.h"
#include "column_sums.h"
#include "rows.h"

namespace lrdist::kernels {

template <class T>
void bias_gelu(T* u, const float* bias, const Rows& rows, int64_t width, T* g) {
  const Scope scope("bias and gelu", element_work(rows.count, width, 12, 3.0 * sizeof(T)));
  at::parallel_for(0, rows.count, row_grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      T* in = u + i * width;
      T* out = g + i * width;
      for_lanes(width, [&](auto at) {
        const f32x16 x = at.load(in) + at.load(bias);
        f32x16 distribution, density;
        normal(x, distribution, density);
        at.store(in, x);
        at.store(out, x * distribution);
      });
    }
  });
  zero_tail(g, rows.count, rows.padded, width);
}

template <class T>
void gelu_backward(T* dg, const T* u, int64_t count, int64_t width, ColumnTarget sums) {
  const Scope scope("gelu backward", element_work(count, width, 15, 3.0 * sizeof(T)));
  const BlockSums totals(sums, count, width);
  for_row_blocks(count, [&](int64_t block, int64_t begin, int64_t end) {
    float* total = totals.block(block);
    for (int64_t i = begin; i < end; ++i) {
      T* out = dg + i * width;
      const T* in = u + i * width;
      for_lanes(width, [&](auto at) {
        const f32x16 x = at.load(in);
        f32x16 distribution, density;
        normal(x, distribution, density);
        const f32x16 d = at.load(out) * (distribution + x * density);
        at.store(out, d);
        if (total) add_to(at, total, d);
      });
    }
  });
  totals.finish();
}

#define INSTANTIATE(T)                                                        \
  template void bias_gelu(T*, const float*, const Rows&, int64_t, T*);        \
  template void gelu_backward(T*, const T*, int64_t, int64_t, ColumnTarget);
INSTANTIATE(float)
INSTANTIATE(bf16)

}  // namespace lrdist::kernels
