// What row kernels share: the zero rows at the end and scratch rows.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "dropout.h"

namespace lrdist::kernels {

// The fewest rows for a thread: a pass over less takes no longer than to hand it over.
inline int64_t row_grain(int64_t width) { return std::max<int64_t>(1, 16384 / width); }

template <class T>
void zero_tail(T* x, int64_t count, int64_t padded, int64_t width) {
  if (x) std::fill(x + count * width, x + padded * width, T{});
}

// Scratch of a thread for one row and for its keep factors.
struct RowScratch {
  std::vector<float> row, keep;
  explicit RowScratch(int64_t width) : row(static_cast<size_t>(width)), keep(static_cast<size_t>(keep_room(width))) {}
};

}  // namespace lrdist::kernels
