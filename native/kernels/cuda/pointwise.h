// Element by element. `vectors` is set by the launcher: everything lies at 16-byte boundaries.
#pragma once

#include "kernel.h"

namespace lrdist::cuda {

// y = dropout(x), in place allowed; zero from *count to padded.
struct DropoutRows {
  Each<const float> x;
  Each<float> y;
  Dropout dropout;
  Rows rows;
  int width;
  bool vectors;
};

// x = tanh(x + bias), zero from *count to padded.
struct BiasTanh {
  Each<float> x;
  const float* bias;  // of replica 0
  long long weights;  // distance of two replicas' weights
  const int* count;
  int padded, width;
  bool vectors;
};

// to = from, n elements of each replica.
template <class From, class To>
struct Convert {
  Each<const From> from;
  Each<To> to;
  long long n;
  bool vectors;
};

constexpr Kernel<DropoutRows> drop_rows{"drop_rows"};
constexpr Kernel<BiasTanh> tanh_of_biased{"tanh_of_biased"};
constexpr Kernel<Convert<float, bfloat>> convert_to_bf16{"convert_to_bf16"};

}  // namespace lrdist::cuda
