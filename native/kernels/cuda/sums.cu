#include "sums.h"

#include "sums.cuh"

namespace lrdist::cuda {

template <class T>
DEVICE void column_sums(const ColumnSums<T>& a) {
  const int column = own_column(), count = real_rows(a.count, a.first, a.padded);
  const int begin = static_cast<int>(blockIdx.z) * sum_rows, end = min(begin + sum_rows, count);
  if (column >= a.width || begin >= end) return;
  const T* d = of_replica(a.d);
  with_constant(a.vectors, [&](auto vectors) {
    float sums[8] = {}, v[tile_rows][8];
    const auto fetch = [&](int row, int r) { load_eight(row_of(d, row, a.width), column, a.width, vectors, v[r]); };
    for_tile(begin, end, fetch, [&](int, int r) {
      UNROLL for (int i = 0; i < 8; ++i) sums[i] += v[r][i];
    });
    store_eight(partial_row(a.partial, a.width), column, a.width, vectors, sums);
  });
}
LRDIST_KERNEL(column_sums_f32, 128, column_sums<float>)
LRDIST_KERNEL(column_sums_bf16, 128, column_sums<bfloat>)

// A block has 32 columns; warp w adds the blocks of rows w, w + 8, ..., then the first warp adds the warps' sums.
DEVICE void sum_blocks(const FinishSums& a) {
  constexpr int warps = 8, ahead = 4;
  __shared__ float of_warps[warps][32];
  const int column = static_cast<int>(blockIdx.x) * 32 + lane_index(), blocks = (real_rows(a.count, a.first, a.padded) + sum_rows - 1) / sum_rows;
  const float* partial = of_replica(a.partial);
  float sum = 0;
  for (int first = warp_index(); column < a.width && first < blocks; first += ahead * warps) {
    float v[ahead];
    UNROLL for (int i = 0; i < ahead; ++i) {
      const int block = first + i * warps;
      v[i] = block < blocks ? row_of(partial, block, a.width)[column] : 0;
    }
    UNROLL for (int i = 0; i < ahead; ++i) sum += v[i];
  }
  of_warps[warp_index()][lane_index()] = sum;
  __syncthreads();
  if (warp_index() > 0 || column >= a.width) return;
  UNROLL for (int warp = 1; warp < warps; ++warp) sum += of_warps[warp][lane_index()];
  const int part_width = a.width / a.parts, part = column / part_width;
  UNROLL for (int p = 0; p < 3; ++p) {
    if (p != part || !a.to[p].to) continue;
    float* to = a.to[p].to + blockIdx.y * a.to[p].stride + (column - part * part_width);
    *to = a.to[p].accumulate ? *to + sum : sum;
  }
}
LRDIST_KERNEL(finish_sums, 256, sum_blocks)

}  // namespace lrdist::cuda
