// Sums over the rows of a matrix, in two stages: sums of blocks of rows into a workspace, and over the blocks in their order. A replica's sums do not
// depend on how many replicas there are, nor on `padded`.
#pragma once

#include "kernel.h"

namespace lrdist::cuda {

// Rows of a block: where sums are taken, and where they are not.
constexpr int sum_rows = 16, tile_rows = 4;

// The columns of a [padded][width] are `parts` (1 to 3) of equal width, part p summed to to[p]. Row 0 is row `first` of *count.
template <class T>
struct ColumnSums {
  Each<const T> d;
  const int* count;
  int first, padded, width, parts;
  Columns to[3];
  Each<float> partial;  // workspace, set by the launcher
  bool vectors;         // set by the launcher: everything lies at 16-byte boundaries
};

// The second stage: partial [blocks][width].
struct FinishSums {
  Each<const float> partial;
  const int* count;
  int first, padded, width, parts;
  Columns to[3];
};

constexpr Kernel<ColumnSums<float>> column_sums_f32{"column_sums_f32"};
constexpr Kernel<ColumnSums<bfloat>> column_sums_bf16{"column_sums_bf16"};
constexpr Kernel<FinishSums> finish_sums{"finish_sums"};

}  // namespace lrdist::cuda
