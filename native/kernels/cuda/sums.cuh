// Tiles: rows that a thread goes through in its eight columns, to sum or to change them.
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
