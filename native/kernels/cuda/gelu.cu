#include "gelu.h"

#include "sums.cuh"

namespace lrdist::cuda {

// 1 - Phi(x) = e^(-x^2/2) t P(t) for x >= 0, t = 1 / (1 + 0.36 x/sqrt 2): the fit of kernels/cpu/gelu.cc, to 2e-7 in fp32 arithmetic. Returns x Phi(x).
DEVICE float gelu(float x, float& derivative) {
  const float magnitude = fabsf(x);
  const float t = 1.0f / (1.0f + 0.36f * 0.70710678118654752f * magnitude);
  const float e = expf(-0.5f * x * x);
  float p = 0.03417146171f;
  p = p * t - 0.18360827475f;
  p = p * t + 0.33897865917f;
  p = p * t - 0.25335598f;
  p = p * t + 0.23430062f;
  p = p * t + 0.01876170965f;
  p = p * t + 0.10940622166f;
  p = p * t + 0.0996874830f;
  p = p * t + 0.10165809982f;
  const float tail = t * e * p;
  derivative = (x < 0 ? tail : 1.0f - tail) + x * (0.3989422804014327f * e);
  return (x > 0 ? x : 0.0f) - magnitude * tail;
}

template <class T>
DEVICE void bias_gelu(const BiasGelu<T>& a) {
  const int column = own_column(), count = real_rows(a.count, 0, a.padded);
  if (column >= a.width) return;
  T* u = of_replica(a.u);
  T* g = of_replica(a.g);
  float bias[8];
  load_eight(of_replica(a.bias, a.weights), column, a.width, a.vectors, bias);
  change_tile(u, g, count, a.padded, a.width, a.vectors, [&](int row, int, float(&v)[8]) {
    float derivative[8];
    UNROLL for (int i = 0; i < 8; ++i) v[i] = gelu(v[i] + bias[i], derivative[i]);
    if (u != g) store_eight(row_of(u, row, a.width), column, a.width, a.vectors, derivative);
  });
}
LRDIST_KERNEL(bias_gelu_f32, 128, bias_gelu<float>)
LRDIST_KERNEL(bias_gelu_bf16, 128, bias_gelu<bfloat>)

template <class T>
DEVICE void gelu_backward(const GeluBackward<T>& a) {
  const int column = own_column(), count = real_rows(a.count, 0, a.padded);
  const int begin = static_cast<int>(blockIdx.z) * sum_rows, end = min(begin + sum_rows, count);
  if (column >= a.width) return;
  T* dg = of_replica(a.dg);
  const T* derivative = of_replica(a.derivative);
  with_constant(a.vectors, [&](auto vectors) {
    float sums[8] = {}, v[tile_rows][8], w[tile_rows][8];
    const auto fetch = [&](int row, int r) {
      load_eight(row_of(dg, row, a.width), column, a.width, vectors, v[r]);
      load_eight(row_of(derivative, row, a.width), column, a.width, vectors, w[r]);
    };
    for_tile(begin, end, fetch, [&](int row, int r) {
      UNROLL for (int i = 0; i < 8; ++i) {
        v[r][i] *= w[r][i];
        sums[i] += v[r][i];
      }
      store_eight(row_of(dg, row, a.width), column, a.width, vectors, v[r]);
    });
    for (int row = max(begin, count); row < min(begin + sum_rows, a.padded); ++row) zero_eight(row_of(dg, row, a.width), column, a.width, vectors);
    if (a.sums.to && begin < count) store_eight(partial_row(a.partial, a.width), column, a.width, vectors, sums);
  });
}
LRDIST_KERNEL(gelu_backward_f32, 128, gelu_backward<float>)
LRDIST_KERNEL(gelu_backward_bf16, 128, gelu_backward<bfloat>)

}  // namespace lrdist::cuda
