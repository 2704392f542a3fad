#include "pointwise.h"

#include "norm.cuh"
#include "sums.cuh"

namespace lrdist::cuda {

DEVICE void dropout_rows(const DropoutRows& a) {
  const int count = real_rows(a.rows.count, 0, a.rows.padded);
  const unsigned step = step_of(a.dropout);
  change_tile(of_replica(a.x), of_replica(a.y), count, a.rows.padded, a.width, a.vectors,
              [&](int row, int column, float(&v)[8]) { drop_eight(a.dropout, step, a.rows, row, column, v); });
}
LRDIST_KERNEL(drop_rows, 128, dropout_rows)

DEVICE void bias_tanh(const BiasTanh& a) {
  const int column = own_column(), count = real_rows(a.count, 0, a.padded);
  float bias[8] = {};
  if (column < a.width) load_eight(of_replica(a.bias, a.weights), column, a.width, a.vectors, bias);
  float* x = of_replica(a.x);
  change_tile(x, x, count, a.padded, a.width, a.vectors, [&](int, int, float(&v)[8]) {
    UNROLL for (int i = 0; i < 8; ++i) v[i] = tanhf(v[i] + bias[i]);
  });
}
LRDIST_KERNEL(tanh_of_biased, 128, bias_tanh)

DEVICE void tanh_backward(const TanhBackward& a) {
  scale_and_sum(a, of_replica(a.d), of_replica(a.p), [](float tanh) { return 1 - tanh * tanh; });
}
LRDIST_KERNEL(tanh_gradient, 128, tanh_backward)

DEVICE void add_bias(const AddBias& a) {
  const int column = own_column(), count = real_rows(a.count, a.first, a.padded);
  float bias[8] = {};
  if (column < a.width) load_eight(of_replica(a.bias, a.weights), column, a.width, a.vectors, bias);
  float* x = of_replica(a.x);
  change_tile(x, x, count, count, a.width, a.vectors, [&](int, int, float(&v)[8]) {
    UNROLL for (int i = 0; i < 8; ++i) v[i] += bias[i];
  });
}
LRDIST_KERNEL(add_biases, 128, add_bias)

// Calls f(first of eight elements, elements) for a replica's n elements, which are one long row.
template <class F>
DEVICE void for_flat_eight(long long n, const F& f) {
  const long long at = 8 * (static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x);
  if (at < n) f(at, static_cast<int>(min(n - at, 8ll)));
}

template <class T>
DEVICE void add_flat(const Add<T>& a) {
  for_flat_eight(a.n, [&](long long at, int n) {
    float* out = of_replica(a.out) + at;
    float v[8], x[8];
    load_eight(out, 0, n, a.vectors && n == 8, v);
    load_eight(of_replica(a.x) + at, 0, n, a.vectors && n == 8, x);
    UNROLL for (int i = 0; i < 8; ++i) v[i] += x[i];
    store_eight(out, 0, n, a.vectors && n == 8, v);
  });
}
LRDIST_KERNEL(add_f32, 256, add_flat<float>)
LRDIST_KERNEL(add_bf16, 256, add_flat<bfloat>)

template <class From, class To>
DEVICE void convert_flat(const Convert<From, To>& a) {
  for_flat_eight(a.n, [&](long long at, int n) {
    float v[8];
    load_eight(of_replica(a.from) + at, 0, n, a.vectors && n == 8, v);
    store_eight(of_replica(a.to) + at, 0, n, a.vectors && n == 8, v);
  });
}
LRDIST_KERNEL(convert_to_bf16, 256, convert_flat<float, bfloat>)
LRDIST_KERNEL(convert_to_f32, 256, convert_flat<bfloat, float>)

}  // namespace lrdist::cuda
