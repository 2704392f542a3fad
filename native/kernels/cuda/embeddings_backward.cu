#include "embeddings.h"

#include "norm.cuh"
#include "sums.cuh"

namespace lrdist::cuda {

// Four columns of a row of d and of a table: a row has few tokens, so more threads are under way than with eight.
template <class Vectors>
struct Four {
  int column, width;
  Vectors vectors;
  DEVICE void load_row(const float* row, float (&v)[4]) const {
    if (vectors) load<4>(row + column, v);
    else UNROLL for (int i = 0; i < 4; ++i) v[i] = column + i < width ? row[column + i] : 0;
  }
  DEVICE void store_row(float* row, const float (&v)[4]) const {
    if (vectors) store<4>(row + column, v);
    else
      UNROLL for (int i = 0; i < 4; ++i)
        if (column + i < width) row[column + i] = v[i];
  }
};

// sum += the rows token(0), token(1), ... token(n - 1) of d, in this order; -1: none.
template <class Token, class Vectors>
DEVICE void add_tokens(const float* d, int n, const Token& token, const Four<Vectors>& four, float (&sum)[4]) {
  constexpr int ahead = 8;  // rows whose loads are under way together
  for (int first = 0; first < n; first += ahead) {
    float v[ahead][4];
    UNROLL for (int j = 0; j < ahead; ++j) {
      const int at = first + j < n ? token(first + j) : -1;
      UNROLL for (int i = 0; i < 4; ++i) v[j][i] = 0;
      if (at >= 0) four.load_row(row_of(d, at, four.width), v[j]);
    }
    UNROLL for (int j = 0; j < ahead; ++j) UNROLL for (int i = 0; i < 4; ++i) sum[i] += v[j][i];
  }
}

DEVICE int own_four() { return static_cast<int>(4 * (blockIdx.z * blockDim.x + threadIdx.x)); }

// Block x has unique row x.
DEVICE void word_gradient(const WordGradient& a) {
  const int u = static_cast<int>(blockIdx.x);
  if (u >= *a.count || own_four() >= a.width) return;
  const int row = a.unique[u], begin = a.starts[u], n = a.starts[u + 1] - begin;
  const bool add = a.before == WordRowState::full || (a.before == WordRowState::stamped && a.stamp[row] == *a.step + 1);
  float* to = row_of(of_replica(a.table), row, a.width);
  with_constant(a.vectors, [&](auto vectors) {
    const Four<decltype(vectors)> four = {own_four(), a.width, vectors};
    float sum[4] = {};
    if (add) four.load_row(to, sum);
    add_tokens(of_replica(a.d), n, [&](int i) { return a.order[begin + i]; }, four, sum);
    four.store_row(to, sum);
  });
}
LRDIST_KERNEL(sum_word_rows, 256, word_gradient)

// After the sums: a replica's stamp must not change what another one does.
DEVICE void stamp_rows(const WordGradient& a) {
  const int u = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (u < *a.count) a.stamp[a.unique[u]] = *a.step + 1;
}
LRDIST_KERNEL(stamp_word_rows, 128, stamp_rows)

// A warp has a row.
DEVICE void clear_unstamped(const ClearUnstamped& a) {
  const int row = norm_row_index();
  if (row >= a.rows || a.stamp[row] == *a.step + 1) return;
  for_eights<0>(a.width, [&](int, int column) { zero_eight(row_of(of_replica(a.table), row, a.width), column, a.width, a.vectors); });
}
LRDIST_KERNEL(clear_unstamped_rows, 128, clear_unstamped)

// Block x has position x.
DEVICE void position_gradient(const PositionGradient& a) {
  const int position = static_cast<int>(blockIdx.x);
  if (own_four() >= a.width) return;
  float* to = row_of(of_replica(a.table), position, a.width);
  const auto token = [&](int s) { return a.cu[s] + position < a.cu[s + 1] ? a.cu[s] + position : -1; };
  with_constant(a.vectors, [&](auto vectors) {
    const Four<decltype(vectors)> four = {own_four(), a.width, vectors};
    float sum[4] = {};
    if (a.accumulate) four.load_row(to, sum);
    add_tokens(of_replica(a.d), a.sequences, token, four, sum);
    four.store_row(to, sum);
  });
}
LRDIST_KERNEL(sum_positions, 256, position_gradient)

// Partial sums [blocks][rows of the table * width].
DEVICE void type_gradient(const TypeGradient& a) {
  const int column = own_column(), count = real_rows(a.count, 0, a.padded);
  const int begin = static_cast<int>(blockIdx.z) * sum_rows, end = min(begin + sum_rows, count);
  if (column >= a.width || begin >= end) return;
  const float* d = of_replica(a.d);
  float* to = partial_row(a.partial, a.rows * a.width);
  with_constant(a.vectors, [&](auto vectors) {
    for (int type = 0; type < a.rows; ++type) {
      float sums[8] = {}, v[tile_rows][8];
      const auto fetch = [&](int row, int r) { load_eight(row_of(d, row, a.width), column, a.width, vectors, v[r]); };
      for_tile(begin, end, fetch, [&](int row, int r) {
        const bool own = a.types[row] == type;
        UNROLL for (int i = 0; i < 8; ++i) sums[i] += own ? v[r][i] : 0;
      });
      store_eight(row_of(to, type, a.width), column, a.width, vectors, sums);
    }
  });
}
LRDIST_KERNEL(sum_types, 128, type_gradient)

}  // namespace lrdist::cuda
