#include "norm.h"

#include "norm.cuh"

namespace lrdist::cuda {

// The sums of the block's rows over gamma's, beta's and the branch's gradients, in this order in the partial sums, those that are wanted.
struct NormSums {
  float* partial;  // [parts][width]
  int gamma, beta, branch, parts;
};
template <class T>
DEVICE NormSums norm_sums(const NormBackward<T>& a) {
  NormSums sums = {};
  sums.gamma = 0;
  sums.beta = a.dgamma.to ? 1 : 0;
  sums.branch = sums.beta + (a.dbeta.to ? 1 : 0);
  sums.parts = sums.branch + (a.dbranch.to ? 1 : 0);
  if (sums.parts > 0) sums.partial = of_replica(a.partial) + static_cast<long long>(blockIdx.x) * sums.parts * a.width;
  return sums;
}

// One row. add(target, j, column, v) adds v to a target's sums.
template <int held, class T, class AddTo>
DEVICE void norm_backward_row(const NormBackward<T>& a, int row, const AddTo& add) {
  const float* dy = row_of(of_replica(a.dy), row, a.width);
  const T* dy2 = a.dy2.data ? row_of(of_replica(a.dy2), row, a.width) : nullptr;
  const float* xhat = row_of(of_replica(a.xhat), row, a.width);
  const float rstd = of_replica(a.rstd)[row];
  const float* gammas = of_replica(a.gamma, a.weights);
  const unsigned step_after = step_of(a.dropout_after), step = step_of(a.dropout);
  const bool vectors = held > 0 || a.vectors;

  const auto fetch = [&](int column, float(&v)[8], float(&w)[8], float(&h)[8]) {
    load_eight(dy, column, a.width, vectors, v);
    if (dy2) load_eight(dy2, column, a.width, vectors, w);
    load_eight(xhat, column, a.width, vectors, h);
  };
  // v = gradient of the norm's output
  const auto combine = [&](int column, float(&v)[8], const float(&w)[8]) {
    if (dy2) UNROLL for (int i = 0; i < 8; ++i) v[i] += w[i];
    drop_eight(a.dropout_after, step_after, a.rows, row, column, v);
  };
  const auto through_gamma = [&](int column, float(&v)[8]) {
    float gamma[8];
    load_eight(gammas, column, a.width, vectors, gamma);
    UNROLL for (int i = 0; i < 8; ++i) v[i] *= gamma[i];
  };

  constexpr int places = held == 0 ? 1 : held;
  float v[places][8], w[places][8], h[places][8];
  if (held > 0) for_eights<held>(a.width, [&](int j, int column) { fetch(column, v[j], w[j], h[j]); });
  float total = 0, against = 0;
  for_eights<held>(a.width, [&](int j, int column) {
    if (held == 0) fetch(column, v[j], w[j], h[j]);
    combine(column, v[j], w[j]);
    if (a.dgamma.to) {
      float product[8];
      UNROLL for (int i = 0; i < 8; ++i) product[i] = v[j][i] * h[j][i];
      add(0, j, column, product);
    }
    if (a.dbeta.to) add(1, j, column, v[j]);
    through_gamma(column, v[j]);
    UNROLL for (int i = 0; i < 8; ++i) {
      total += v[j][i];
      against += v[j][i] * h[j][i];
    }
  });
  const float of_ones = warp_sum(total) / static_cast<float>(a.width), of_xhat = warp_sum(against) / static_cast<float>(a.width);
  float* dx = row_of(of_replica(a.dx), row, a.width);
  T* branch = a.branch.data ? row_of(of_replica(a.branch), row, a.width) : nullptr;
  for_eights<held>(a.width, [&](int j, int column) {
    if (held == 0) {
      fetch(column, v[j], w[j], h[j]);
      combine(column, v[j], w[j]);
      through_gamma(column, v[j]);
    }
    UNROLL for (int i = 0; i < 8; ++i) v[j][i] = rstd * (v[j][i] - of_ones - h[j][i] * of_xhat);
    store_eight(dx, column, a.width, vectors, v[j]);
    if (!branch && !a.dbranch.to) return;
    drop_eight(a.dropout, step, a.rows, row, column, v[j]);
    if (branch) store_eight(branch, column, a.width, vectors, v[j]);
    if (a.dbranch.to) add(2, j, column, v[j]);
  });
}

template <class T>
DEVICE void zero_norm_row(const NormBackward<T>& a, int row, bool vectors) {
  for_eights<0>(a.width, [&](int, int column) {
    zero_eight(row_of(of_replica(a.dx), row, a.width), column, a.width, vectors);
    if (a.branch.data) zero_eight(row_of(of_replica(a.branch), row, a.width), column, a.width, vectors);
  });
}

// A block of norm_warps warps has sum_rows rows; sums stay in registers until the rows are done. Shared memory: [norm_warps][width] floats.
template <class T, int held>
DEVICE void norm_backward(const NormBackward<T>& a) {
  const int count = real_rows(a.rows.count, 0, a.rows.padded), begin = static_cast<int>(blockIdx.x) * sum_rows;
  float sums[3][held][8];
  UNROLL for (int t = 0; t < 3; ++t)
    UNROLL for (int j = 0; j < held; ++j)
      UNROLL for (int i = 0; i < 8; ++i) sums[t][j][i] = 0;
  for (int row = begin + warp_index(); row < min(begin + sum_rows, a.rows.padded); row += norm_warps) {
    if (row >= count) zero_norm_row(a, row, true);
    else
      norm_backward_row<held>(a, row, [&](int target, int j, int, const float(&v)[8]) {
        UNROLL for (int i = 0; i < 8; ++i) sums[target][j][i] += v[i];
      });
  }
  if (begin >= count) return;
  const NormSums to = norm_sums(a);
  float* shared = dynamic_shared<float>();
  const auto finish = [&](const float(&own)[held][8], int part) {
    for_eights<held>(a.width, [&](int j, int column) { store_eight(shared + warp_index() * a.width, column, a.width, true, own[j]); });
    __syncthreads();
    for (int column = static_cast<int>(threadIdx.x); column < a.width; column += static_cast<int>(blockDim.x)) {
      float sum = shared[column];
      UNROLL for (int warp = 1; warp < norm_warps; ++warp) sum += shared[warp * a.width + column];
      to.partial[static_cast<long long>(part) * a.width + column] = sum;
    }
    __syncthreads();
  };
  if (a.dgamma.to) finish(sums[0], to.gamma);
  if (a.dbeta.to) finish(sums[1], to.beta);
  if (a.dbranch.to) finish(sums[2], to.branch);
}

// Rows of any width: a block is one warp, and adds to its partial sums row by row.
template <class T>
DEVICE void norm_backward_wide(const NormBackward<T>& a) {
  const int count = real_rows(a.rows.count, 0, a.rows.padded), begin = static_cast<int>(blockIdx.x) * sum_rows;
  const NormSums to = norm_sums(a);
  const int parts[3] = {to.gamma, to.beta, to.branch};
  for (int row = begin; row < min(begin + sum_rows, a.rows.padded); ++row) {
    if (row >= count) zero_norm_row(a, row, a.vectors);
    else
      norm_backward_row<0>(a, row, [&](int target, int, int column, const float(&v)[8]) {
        float* sums = to.partial + static_cast<long long>(parts[target]) * a.width;
        for (int i = 0; i < 8 && column + i < a.width; ++i) sums[column + i] = row == begin ? v[i] : sums[column + i] + v[i];
      });
  }
}

LRDIST_KERNEL(norm_backward_f32_any, 32, norm_backward_wide<float>)
LRDIST_KERNEL(norm_backward_f32_1, 128, norm_backward<float, 1>)
LRDIST_KERNEL(norm_backward_f32_2, 128, norm_backward<float, 2>)
LRDIST_KERNEL(norm_backward_f32_3, 128, norm_backward<float, 3>)
LRDIST_KERNEL(norm_backward_f32_4, 128, norm_backward<float, 4>)
LRDIST_KERNEL(norm_backward_bf16_any, 32, norm_backward_wide<bfloat>)
LRDIST_KERNEL(norm_backward_bf16_1, 128, norm_backward<bfloat, 1>)
LRDIST_KERNEL(norm_backward_bf16_2, 128, norm_backward<bfloat, 2>)
LRDIST_KERNEL(norm_backward_bf16_3, 128, norm_backward<bfloat, 3>)
LRDIST_KERNEL(norm_backward_bf16_4, 128, norm_backward<bfloat, 4>)

}  // namespace lrdist::cuda
