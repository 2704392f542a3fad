// LayerNorm with what surrounds it, forward and backward; T is float or bfloat. All of it as in kernels/kernels.h, with the replicas as a dimension.
#pragma once

#include "kernel.h"

namespace lrdist::cuda {

// Of a block, each with a row.
constexpr int norm_warps = 4;

// y = norm(dropout(x + bias) + residual); y_low = y rounded; y_low, xhat and rstd may be null. y and y_low are zero from *count to padded.
template <class T>
struct ResidualNorm {
  Each<const T> x;
  Each<const float> residual;
  const float *bias, *gamma, *beta;  // of replica 0
  long long weights;                 // distance of two replicas' weights
  float eps;
  Dropout dropout;
  Rows rows;
  int width;
  Each<float> y;
  Each<bfloat> y_low;
  Each<float> xhat, rstd;
  bool vectors;  // set by the launcher: everything lies at 16-byte boundaries
};

// y = norm(x), in place allowed. Of `rows` only count and padded matter.
struct PlainNorm {
  Each<const float> x;
  const float *gamma, *beta;
  long long weights;
  float eps;
  Rows rows;
  int width;
  Each<float> y;
  Each<bfloat> y_low;
  Each<float> xhat, rstd;
  bool vectors;
};

// The gradient of the norm's output y is dropout_after(dy + dy2): dropout_after is what was applied to y (the embeddings'; else none); dy2 may be null.
// dx = gradient of the norm's input, may be dy; branch = dropout(dx), may be null, or dx where T is float and dropout is off. Rows of dx and branch
// from *count to padded are zero. dgamma, dbeta and dbranch (the gradient of the bias before dropout) sum over the rows.
template <class T>
struct NormBackward {
  Each<const float> dy;
  Each<const T> dy2;
  Dropout dropout_after;
  Each<const float> xhat, rstd;
  const float* gamma;
  long long weights;
  Dropout dropout;
  Rows rows;
  int width;
  Each<float> dx;
  Each<T> branch;
  Columns dgamma, dbeta, dbranch;
  Each<float> partial;  // workspace, set by the launcher
  bool vectors;
};

// By the eights of a row that a lane holds: for rows of vectors up to 256, 512, 768 and 1,024 wide; and for any rows.
constexpr Kernel<ResidualNorm<float>> residual_norm_f32_any{"residual_norm_f32_any"}, residual_norm_f32_1{"residual_norm_f32_1"},
    residual_norm_f32_2{"residual_norm_f32_2"}, residual_norm_f32_3{"residual_norm_f32_3"}, residual_norm_f32_4{"residual_norm_f32_4"};
constexpr Kernel<ResidualNorm<bfloat>> residual_norm_bf16_any{"residual_norm_bf16_any"}, residual_norm_bf16_1{"residual_norm_bf16_1"},
    residual_norm_bf16_2{"residual_norm_bf16_2"}, residual_norm_bf16_3{"residual_norm_bf16_3"}, residual_norm_bf16_4{"residual_norm_bf16_4"};
constexpr Kernel<PlainNorm> plain_norm_any{"plain_norm_any"}, plain_norm_1{"plain_norm_1"}, plain_norm_2{"plain_norm_2"}, plain_norm_3{"plain_norm_3"},
    plain_norm_4{"plain_norm_4"};
constexpr Kernel<NormBackward<float>> norm_backward_f32_any{"norm_backward_f32_any"}, norm_backward_f32_1{"norm_backward_f32_1"},
    norm_backward_f32_2{"norm_backward_f32_2"}, norm_backward_f32_3{"norm_backward_f32_3"}, norm_backward_f32_4{"norm_backward_f32_4"};
constexpr Kernel<NormBackward<bfloat>> norm_backward_bf16_any{"norm_backward_bf16_any"}, norm_backward_bf16_1{"norm_backward_bf16_1"},
    norm_backward_bf16_2{"norm_backward_bf16_2"}, norm_backward_bf16_3{"norm_backward_bf16_3"}, norm_backward_bf16_4{"norm_backward_bf16_4"};

}  // namespace lrdist::cuda
