// Bias and GELU in its erf form; T is float or bfloat.
#pragma once

#include "kernel.h"

namespace lrdist::cuda {

// g = gelu(u + bias); u becomes the derivative there, unless g is u. g is zero from *count to padded.
template <class T>
struct BiasGelu {
  Each<T> u;
  const float* bias;  // of replica 0
  long long weights;  // distance of two replicas' weights
  const int* count;
  int padded, width;
  Each<T> g;
  bool vectors;  // set by the launcher: everything lies at 16-byte boundaries
};

// dg *= derivative, zero from *count to padded; its column sums are the gradient of the bias.
template <class T>
struct GeluBackward {
  Each<T> dg;
  Each<const T> derivative;
  const int* count;
  int padded, width;
  Columns sums;
  Each<float> partial;  // workspace, set by the launcher
  bool vectors;
};

constexpr Kernel<BiasGelu<float>> bias_gelu_f32{"bias_gelu_f32"};
constexpr Kernel<BiasGelu<bfloat>> bias_gelu_bf16{"bias_gelu_bf16"};
constexpr Kernel<GeluBackward<float>> gelu_backward_f32{"gelu_backward_f32"};
constexpr Kernel<GeluBackward<bfloat>> gelu_backward_bf16{"gelu_backward_bf16"};

}  // namespace lrdist::cuda
