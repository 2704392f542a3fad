// GELU in its erf form, with the bias before it.
#include "../scope.h"
#include "column_sums.h"
#include "rows.h"

namespace lrdist::kernels {
namespace {

// P of 1 - Phi(x) = e^(-x^2/2) t P(t) for x >= 0, t = 1 / (1 + 0.36 x/sqrt 2): minimax fits to erfcx / 2 on [0, 6.5], to 2e-7 in fp32 arithmetic and
// to 4.3e-5 for results that are rounded to bf16.
template <class T>
constexpr float tail_terms[] = {0.03417146171f, -0.18360827475f, 0.33897865917f, -0.25335598f, 0.23430062f, 0.01876170965f, 0.10940622166f, 0.0996874830f,
                                0.10165809982f};
template <>
constexpr float tail_terms<bf16>[] = {0.20678808f, -0.048704180f, 0.14789877f, 0.091866452f, 0.10217215f};

// x Phi(x) and its derivative
template <class T>
[[gnu::always_inline]] inline f32x16 gelu(f32x16 x, f32x16& derivative) {
  const f32x16 magnitude = reinterpret_cast<f32x16>(reinterpret_cast<i32x16>(x) & 0x7FFFFFFF);
  const f32x16 t = 1.0f / (1.0f + 0.36f * 0.70710678118654752f * magnitude);
  const f32x16 e = exp_fast<T>(x * -0.5f * x);
  const f32x16 tail = t * e * polynomial(tail_terms<T>, t);
  derivative = (x < 0 ? tail : 1.0f - tail) + x * (0.3989422804014327f * e);
  return larger(x, f32x16{}) - magnitude * tail;
}

}  // namespace

template <class T>
void bias_gelu(T* u, const float* bias, const Rows& rows, int64_t width, T* g) {
  const Scope scope("bias and gelu", element_work(rows.count, width, 12, 3.0 * sizeof(T)));
  at::parallel_for(0, rows.count, row_grain(width), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      T* in = u + i * width;
      T* out = g + i * width;
      for_lanes(width, [&](auto at) {
        f32x16 derivative;
        const f32x16 y = gelu<T>(at.load(in) + at.load(bias), derivative);
        if (in != out) at.store(in, derivative);
        at.store(out, y);
      });
    }
  });
  zero_tail(g, rows.count, rows.padded, width);
}

template <class T>
void gelu_backward(T* dg, const T* derivative, int64_t count, int64_t width, ColumnTarget sums) {
  const Scope scope("gelu backward", element_work(count, width, 2, 3.0 * sizeof(T)));
  const BlockSums totals(sums, count, width);
  for_row_blocks(count, [&](int64_t block, int64_t begin, int64_t end) {
    float* total = totals.block(block);
    for (int64_t i = begin; i < end; ++i) {
      T* out = dg + i * width;
      const T* in = derivative + i * width;
      for_lanes(width, [&](auto at) {
        const f32x16 d = at.load(out) * at.load(in);
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
