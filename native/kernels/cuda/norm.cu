#include "norm.h"

#include "norm.cuh"

namespace lrdist::cuda {

template <class T, int held>
DEVICE void residual_norm(const ResidualNorm<T>& a) {
  const int row = norm_row_index(), count = real_rows(a.rows.count, 0, a.rows.padded);
  if (row >= a.rows.padded) return;
  const T* x = row_of(of_replica(a.x), row, a.width);
  const float* residual = row_of(of_replica(a.residual), row, a.width);
  const float* bias = of_replica(a.bias, a.weights);
  const unsigned step = step_of(a.dropout);
  const bool vectors = held > 0 || a.vectors;
  const auto fetch = [&](int column, float(&v)[8], float(&w)[8]) {
    load_eight(x, column, a.width, vectors, v);
    load_eight(residual, column, a.width, vectors, w);
  };
  const auto combine = [&](int column, float(&v)[8], const float(&w)[8]) {
    float b[8];
    load_eight(bias, column, a.width, vectors, b);
    UNROLL for (int i = 0; i < 8; ++i) v[i] += b[i];
    drop_eight(a.dropout, step, a.rows, row, column, v);
    UNROLL for (int i = 0; i < 8; ++i) v[i] += w[i];
  };
  norm_row<held>(a, row, count, fetch, combine, Unchanged{});
}
LRDIST_KERNEL(residual_norm_f32_any, 128, residual_norm<float, 0>)
LRDIST_KERNEL(residual_norm_f32_1, 128, residual_norm<float, 1>)
LRDIST_KERNEL(residual_norm_f32_2, 128, residual_norm<float, 2>)
LRDIST_KERNEL(residual_norm_f32_3, 128, residual_norm<float, 3>)
LRDIST_KERNEL(residual_norm_f32_4, 128, residual_norm<float, 4>)
LRDIST_KERNEL(residual_norm_bf16_any, 128, residual_norm<bfloat, 0>)
LRDIST_KERNEL(residual_norm_bf16_1, 128, residual_norm<bfloat, 1>)
LRDIST_KERNEL(residual_norm_bf16_2, 128, residual_norm<bfloat, 2>)
LRDIST_KERNEL(residual_norm_bf16_3, 128, residual_norm<bfloat, 3>)
LRDIST_KERNEL(residual_norm_bf16_4, 128, residual_norm<bfloat, 4>)

template <int held>
DEVICE void plain_norm(const PlainNorm& a) {
  const int row = norm_row_index(), count = real_rows(a.rows.count, 0, a.rows.padded);
  if (row >= a.rows.padded) return;
  const float* x = row_of(of_replica(a.x), row, a.width);
  const auto fetch = [&](int column, float(&v)[8], float(&)[8]) { load_eight(x, column, a.width, held > 0 || a.vectors, v); };
  norm_row<held>(a, row, count, fetch, [](int, float(&)[8], const float(&)[8]) {}, Unchanged{});
}
LRDIST_KERNEL(plain_norm_any, 128, plain_norm<0>)
LRDIST_KERNEL(plain_norm_1, 128, plain_norm<1>)
LRDIST_KERNEL(plain_norm_2, 128, plain_norm<2>)
LRDIST_KERNEL(plain_norm_3, 128, plain_norm<3>)
LRDIST_KERNEL(plain_norm_4, 128, plain_norm<4>)

}  // namespace lrdist::cuda
