// The classifier on some rows of hidden states: logits = x W^T + bias with few outputs, and its gradients. All fp32. blockIdx.y: replica.
#pragma once

#include "kernel.h"

namespace lrdist::cuda {

struct Classifier {
  Rows rows;
  int width, outputs;
  const float* x;               // [K][rows.padded][width], after dropout
  long long x_stride;
  const float *weight, *bias;   // [outputs][width], [outputs]; replicas weight_stride apart
  long long weight_stride;
  float* logits;                // [K][rows.padded][outputs]; rows beyond the real ones become 0
  long long logits_stride;
};
constexpr Kernel<Classifier> classifier_kernel{"classifier_kernel"};

// dweight (+)= dlogits^T x, dbias (+)= column sums of dlogits, rows in order.
struct ClassifierWeights {
  Rows rows;
  int width, outputs;
  const float *x, *dlogits;
  long long x_stride, dlogits_stride;
  Columns dweight, dbias;       // dweight.to null: no gradient
};
constexpr Kernel<ClassifierWeights> classifier_weights_kernel{"classifier_weights_kernel"};

// dx = dlogits W, through the dropout that made x, and where `pooled` is given through tanh: times 1 - pooled^2. Rows beyond the real ones become 0.
struct ClassifierInput {
  Rows rows;
  int width, outputs;
  const float* dlogits;
  long long dlogits_stride;
  const float* weight;
  long long weight_stride;
  Dropout dropout;              // threshold 0: none
  const float* pooled;          // [K][rows.padded][width] before dropout; or null
  long long pooled_stride;
  float* dx;                    // [K][rows.padded][width]
  long long dx_stride;
};
constexpr Kernel<ClassifierInput> classifier_input_kernel{"classifier_input_kernel"};

}  // namespace lrdist::cuda
