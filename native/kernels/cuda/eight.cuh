// Rows by eights: one thread has eight columns, as many as a Philox block has numbers. `vectors` says that rows lie at 16-byte boundaries and that their
// width is a multiple of 8; else columns beyond the width read as 0 and are not written.
#pragma once

#include "device.cuh"
#include "sums.h"

namespace lrdist::cuda {

// Calls f with the flag as a constant: loads that no branch keeps apart are under way together.
struct Yes {
  DEVICE constexpr operator bool() const { return true; }
};
struct No {
  DEVICE constexpr operator bool() const { return false; }
};
template <class F>
DEVICE void with_constant(bool flag, const F& f) {
  if (flag) f(Yes{});
  else f(No{});
}

template <class T>
DEVICE void load_eight(const T* row, int column, int width, bool vectors, float (&v)[8]) {
  if (vectors) {
    load<8>(row + column, v);
    return;
  }
  UNROLL for (int i = 0; i < 8; ++i) v[i] = column + i < width ? to_float(row[column + i]) : 0;
}

template <class T>
DEVICE void store_eight(T* row, int column, int width, bool vectors, const float (&v)[8]) {
  if (vectors) {
    store<8>(row + column, v);
    return;
  }
  UNROLL for (int i = 0; i < 8; ++i)
    if (column + i < width) put(row + column + i, v[i]);
}

template <class T>
DEVICE void zero_eight(T* row, int column, int width, bool vectors) {
  const float zeros[8] = {};
  store_eight(row, column, width, vectors, zeros);
}

template <class T>
DEVICE T* of_replica(const Each<T>& each) {
  return each.data ? each.data + blockIdx.y * each.stride : nullptr;
}
DEVICE const float* of_replica(const float* weight, long long stride) { return weight + blockIdx.y * stride; }

template <class T>
DEVICE T* row_of(T* matrix, int row, int width) {
  return matrix + static_cast<long long>(row) * width;
}

// The real rows of a matrix whose row 0 is row `first` of *count.
DEVICE int real_rows(const int* count, int first, int padded) { return min(max(*count - first, 0), padded); }

// --- tiles: a thread's columns are own_column() .. + 7, its rows blockIdx.z * (rows of a tile) and the following.

DEVICE int own_column() { return static_cast<int>(8 * (blockIdx.x * blockDim.x + threadIdx.x)); }

// Where in its partial sums [blocks][columns] this tile writes.
DEVICE float* partial_row(const Each<float>& partial, int columns) { return row_of(of_replica(partial), static_cast<int>(blockIdx.z), columns); }

}  // namespace lrdist::cuda
