#include "rows.h"

#include "sums.cuh"

namespace lrdist::cuda {

template <class T>
DEVICE void gather_tile(const GatherRows& a, const T* x, T* y) {
  const int column = own_column(), count = real_rows(a.count, 0, a.padded);
  const int begin = static_cast<int>(blockIdx.z) * tile_rows, end = min(begin + tile_rows, count);
  with_constant(a.vectors, [&](auto vectors) {
    float v[tile_rows][8];
    const auto fetch = [&](int row, int r) { load_eight(row_of(x, a.index[row], a.width), column, a.width, vectors, v[r]); };
    for_tile(begin, end, fetch, [&](int row, int r) { store_eight(row_of(y, row, a.width), column, a.width, vectors, v[r]); });
    for (int row = max(begin, count); row < min(begin + tile_rows, a.padded); ++row) zero_eight(row_of(y, row, a.width), column, a.width, vectors);
  });
}

DEVICE void gather(const GatherRows& a) {
  if (own_column() >= a.width) return;
  if (a.x.data) gather_tile(a, of_replica(a.x), of_replica(a.y));
  if (a.x_low.data) gather_tile(a, of_replica(a.x_low), of_replica(a.y_low));
}
LRDIST_KERNEL(gather_index, 128, gather)

template <class T>
DEVICE void add_rows(const AddRows<T>& a) {
  const int column = own_column(), count = real_rows(a.count, 0, a.padded);
  const int begin = static_cast<int>(blockIdx.z) * tile_rows, end = min(begin + tile_rows, count);
  if (column >= a.width) return;
  float* out = of_replica(a.out);
  const T* product = of_replica(a.product);
  const float* residual = of_replica(a.residual);
  with_constant(a.vectors, [&](auto vectors) {
    float v[tile_rows][8], x[tile_rows][8], y[tile_rows][8];
    const auto fetch = [&](int row, int r) {
      load_eight(row_of(out, a.index[row], a.width), column, a.width, vectors, v[r]);
      if (product) load_eight(row_of(product, row, a.width), column, a.width, vectors, x[r]);
      if (residual) load_eight(row_of(residual, row, a.width), column, a.width, vectors, y[r]);
    };
    for_tile(begin, end, fetch, [&](int row, int r) {
      UNROLL for (int i = 0; i < 8; ++i) {
        if (product) v[r][i] += x[r][i];
        if (residual) v[r][i] += y[r][i];
      }
      store_eight(row_of(out, a.index[row], a.width), column, a.width, vectors, v[r]);
    });
  });
}
LRDIST_KERNEL(add_index_f32, 128, add_rows<float>)
LRDIST_KERNEL(add_index_bf16, 128, add_rows<bfloat>)

}  // namespace lrdist::cuda
