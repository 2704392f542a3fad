// LayerNorm of a row by one warp. Lane l has the eights l, l + 32, ... of the row; `held` of them stay in registers from pass to pass. 0: none does, each
// pass computes them anew, for rows of any width.
#pragma once

#include "eight.cuh"
#include "norm.h"

namespace lrdist::cuda {

// Calls f(place in registers, column) for a lane's eights.
template <int held, class F>
DEVICE void for_eights(int width, const F& f) {
  if constexpr (held == 0) {
    for (int column = 8 * lane_index(); column < width; column += 256) f(0, column);
  } else {
    UNROLL for (int j = 0; j < held; ++j) {
      const int column = 8 * (lane_index() + 32 * j);
      if (column < width) f(j, column);
    }
  }
}

// y = after(norm(x)). fetch(column, v, w) loads what eight elements of x come from, combine(column, v, w) makes them in v; after(column, v) may change those
// of y. Zero rows from *count on. Rows that are held lie at 16-byte boundaries.
template <int held, class A, class Fetch, class Combine, class After>
DEVICE void norm_row(const A& a, int row, int count, const Fetch& fetch, const Combine& combine, const After& after) {
  const bool vectors = held > 0 || a.vectors;
  float* y = row_of(of_replica(a.y), row, a.width);
  bfloat* y_low = a.y_low.data ? row_of(of_replica(a.y_low), row, a.width) : nullptr;
  if (row >= count) {
    for_eights<0>(a.width, [&](int, int column) {
      zero_eight(y, column, a.width, vectors);
      if (y_low) zero_eight(y_low, column, a.width, vectors);
    });
    return;
  }
  constexpr int places = held == 0 ? 1 : held;
  float v[places][8], w[places][8];
  if (held > 0) for_eights<held>(a.width, [&](int j, int column) { fetch(column, v[j], w[j]); });
  const auto again = [&](int j, int column) {
    if (held > 0) return;
    fetch(column, v[j], w[j]);
    combine(column, v[j], w[j]);
  };
  float sum = 0;
  for_eights<held>(a.width, [&](int j, int column) {
    again(j, column);
    if (held > 0) combine(column, v[j], w[j]);
    UNROLL for (int i = 0; i < 8; ++i) sum += v[j][i];
  });
  const float mean = warp_sum(sum) / static_cast<float>(a.width);
  float squares = 0;
  for_eights<held>(a.width, [&](int j, int column) {
    again(j, column);
    UNROLL for (int i = 0; i < 8; ++i) {
      const float d = held > 0 || column + i < a.width ? v[j][i] - mean : 0;
      squares += d * d;
    }
  });
  const float r = 1.0f / sqrtf(warp_sum(squares) / static_cast<float>(a.width) + a.eps);
  if (a.rstd.data && lane_index() == 0) of_replica(a.rstd)[row] = r;
  const float* gammas = of_replica(a.gamma, a.weights);
  const float* betas = of_replica(a.beta, a.weights);
  float* xhat = a.xhat.data ? row_of(of_replica(a.xhat), row, a.width) : nullptr;
  for_eights<held>(a.width, [&](int j, int column) {
    again(j, column);
    float gamma[8], beta[8];
    load_eight(gammas, column, a.width, vectors, gamma);
    load_eight(betas, column, a.width, vectors, beta);
    UNROLL for (int i = 0; i < 8; ++i) v[j][i] = (v[j][i] - mean) * r;
    if (xhat) store_eight(xhat, column, a.width, vectors, v[j]);
    UNROLL for (int i = 0; i < 8; ++i) v[j][i] = v[j][i] * gamma[i] + beta[i];
    after(column, v[j]);
    store_eight(y, column, a.width, vectors, v[j]);
    if (y_low) store_eight(y_low, column, a.width, vectors, v[j]);
  });
}
struct Unchanged {
  DEVICE void operator()(int, float (&)[8]) const {}
};

DEVICE int norm_row_index() { return static_cast<int>(blockIdx.x) * norm_warps + warp_index(); }

// v *= keep factors of a row, if there is dropout.
DEVICE void drop_eight(const Dropout& dropout, unsigned step, const Rows& rows, int row, int column, float (&v)[8]) {
  if (dropout.threshold == 0) return;
  float keep[8];
  keep_eight(dropout, step, static_cast<unsigned>(column) / 8, rows.position[row], rows.slot[row], keep);
  UNROLL for (int i = 0; i < 8; ++i) v[i] *= keep[i];
}
DEVICE unsigned step_of(const Dropout& dropout) { return dropout.threshold == 0 ? 0 : *dropout.step; }

}  // namespace lrdist::cuda
