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

// A replica's n elements are one long row, eight of them a thread.
template <class From, class To>
DEVICE void convert(const Convert<From, To>& a) {
  const long long at = 8 * (static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x);
  if (at >= a.n) return;
  const int n = static_cast<int>(min(a.n - at, 8ll));
  float v[8];
  load_eight(of_replica(a.from) + at, 0, n, a.vectors && n == 8, v);
  store_eight(of_replica(a.to) + at, 0, n, a.vectors && n == 8, v);
}
LRDIST_KERNEL(convert_to_bf16, 256, convert<float, bfloat>)

}  // namespace lrdist::cuda
