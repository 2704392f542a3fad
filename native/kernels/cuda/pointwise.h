// Element by element; T is float or bfloat. `vectors` is set by the launcher: everything lies at 16-byte boundaries.
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

// d *= 1 - p^2, zero from *count to padded; its column sums are the gradient of the bias.
struct TanhBackward {
  Each<float> d;
  Each<const float> p;
  const int* count;
  int padded, width;
  Columns sums;
  Each<float> partial;  // workspace, set by the launcher
  bool vectors;
};

// x += bias in the rows below *count. Row 0 of the matrix is row `first` of *count.
struct AddBias {
  Each<float> x;
  const float* bias;
  long long weights;
  const int* count;
  int first, padded, width;
  bool vectors;
};

// out += x, n elements of each replica.
template <class T>
struct Add {
  Each<float> out;
  Each<const T> x;
  long long n;
  bool vectors;
};

// to = from, n elements of each replica; From is float and To bfloat, or the other way round.
template <class From, class To>
struct Convert {
  Each<const From> from;
  Each<To> to;
  long long n;
  bool vectors;
};

constexpr Kernel<DropoutRows> drop_rows{"drop_rows"};
constexpr Kernel<BiasTanh> tanh_of_biased{"tanh_of_biased"};
constexpr Kernel<TanhBackward> tanh_gradient{"tanh_gradient"};
constexpr Kernel<AddBias> add_biases{"add_biases"};
constexpr Kernel<Add<float>> add_f32{"add_f32"};
constexpr Kernel<Add<bfloat>> add_bf16{"add_bf16"};
constexpr Kernel<Convert<float, bfloat>> convert_to_bf16{"convert_to_bf16"};
constexpr Kernel<Convert<bfloat, float>> convert_to_f32{"convert_to_f32"};

}  // namespace lrdist::cuda
