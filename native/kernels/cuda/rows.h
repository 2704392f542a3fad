// Rows taken from a matrix and given back to it. `vectors` is set by the launcher: everything lies at 16-byte boundaries.
#pragma once

#include "kernel.h"

namespace lrdist::cuda {

// y[i] = x[index[i]] and y_low[i] = x_low[index[i]], either pair may be null; zero from *count to padded.
struct GatherRows {
  Each<const float> x;
  Each<float> y;
  Each<const bfloat> x_low;
  Each<bfloat> y_low;
  const int* index;
  const int* count;
  int padded, width;
  bool vectors;
};

// out[index[i]] += product[i], then += residual[i]; either may be null. An index occurs at most once.
template <class T>
struct AddRows {
  Each<float> out;
  Each<const T> product;
  Each<const float> residual;
  const int* index;
  const int* count;
  int padded, width;
  bool vectors;
};

constexpr Kernel<GatherRows> gather_index{"gather_index"};
constexpr Kernel<AddRows<float>> add_index_f32{"add_index_f32"};
constexpr Kernel<AddRows<bfloat>> add_index_bf16{"add_index_bf16"};

}  // namespace lrdist::cuda
