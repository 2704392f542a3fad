// The first stage of sums over rows: each thread sums its eight columns over the sum_rows rows of its tile.
#pragma once

#include "eight.cuh"

namespace lrdist::cuda {

// Calls fetch(row, place), which loads, for the rows of a tile, tile_rows at a time so that their loads are under way together, then use(row, place). Beyond
// `end` the last row is fetched, and not used: no branch stands between the loads.
template <class Fetch, class Use>
DEVICE void for_tile(int begin, int end, const Fetch& fetch, const Use& use) {
  for (int first = begin; first < end; first += tile_rows) {
    UNROLL for (int r = 0; r < tile_rows; ++r) fetch(min(first + r, end - 1), r);
    UNROLL for (int r = 0; r < tile_rows; ++r)
      if (first + r < end) use(first + r, r);
  }
}

// x [padded][width] is multiplied by factor(f) element by element, zero from *count on; its column sums go to the workspace if a.sums is wanted.
// a: has count, padded, width, sums, partial, vectors.
template <class A, class T, class F, class Factor>
DEVICE void scale_and_sum(const A& a, T* x, const F* f, const Factor& factor) {
  const int column = own_column(), count = real_rows(a.count, 0, a.padded);
  if (column >= a.width) return;
  const int begin = static_cast<int>(blockIdx.z) * sum_rows, end = min(begin + sum_rows, count);
  with_constant(a.vectors, [&](auto vectors) {
    float sums[8] = {}, v[tile_rows][8], w[tile_rows][8];
    const auto fetch = [&](int row, int r) {
      load_eight(row_of(x, row, a.width), column, a.width, vectors, v[r]);
      load_eight(row_of(f, row, a.width), column, a.width, vectors, w[r]);
    };
    for_tile(begin, end, fetch, [&](int row, int r) {
      UNROLL for (int i = 0; i < 8; ++i) {
        v[r][i] *= factor(w[r][i]);
        sums[i] += v[r][i];
      }
      store_eight(row_of(x, row, a.width), column, a.width, vectors, v[r]);
    });
    for (int row = max(begin, count); row < min(begin + sum_rows, a.padded); ++row) zero_eight(row_of(x, row, a.width), column, a.width, vectors);
    if (a.sums.to && begin < count) store_eight(partial_row(a.partial, a.width), column, a.width, vectors, sums);
  });
}

// y = change(x) for the tile's rows below `count`; zeros from there to padded.
template <class From, class To, class Change>
DEVICE void change_tile(const From* x, To* y, int count, int padded, int width, bool by_vectors, const Change& change) {
  const int column = own_column(), begin = static_cast<int>(blockIdx.z) * tile_rows, end = min(begin + tile_rows, count);
  if (column >= width) return;
  with_constant(by_vectors, [&](auto vectors) {
    float v[tile_rows][8];
    const auto fetch = [&](int row, int r) { load_eight(row_of(x, row, width), column, width, vectors, v[r]); };
    for_tile(begin, end, fetch, [&](int row, int r) {
      change(row, column, v[r]);
      store_eight(row_of(y, row, width), column, width, vectors, v[r]);
    });
    for (int row = max(begin, count); row < min(begin + tile_rows, padded); ++row) zero_eight(row_of(y, row, width), column, width, vectors);
  });
}

}  // namespace lrdist::cuda
