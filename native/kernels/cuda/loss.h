// Losses of the rows and their gradients, in place of the logits; and the sum that a step reports. blockIdx.y: replica.
#pragma once

#include "kernel.h"

namespace lrdist::cuda {

// Logits hold `chunk` rows from row `first` on (a language model's logits are too many to have at once); everything else is indexed by the whole
// batch's rows. Rows beyond *rows.count have loss 0 and gradient 0.
struct Loss {
  Rows rows;
  int first, chunk, width;
  float* logits;                // [K][chunk][width]; with `gradient` they become the gradient of weight x mean loss
  long long logits_stride;
  const float* bias;            // [width], added to the logits; or null
  long long bias_stride;
  bool gradient;
  const double* weight;         // or null: 1
  float* losses;                // [K][rows.padded]
  long long losses_stride;
  // What the loss is taken against: classes (or values, for mse) as floats, or classes as integers, one for each row; or drawn from the prediction.
  const float* labels;
  const int* targets;
  bool labels_from_model;
  unsigned key0, key1;          // of the draws: the seed
  const unsigned* step;
  double smoothing;             // of cross-entropy
  const float* teacher;         // of distillation: logits [dataset rows][width]
  long long teacher_stride;
  const int* dataset_row;       // [rows]
  double temperature;
};
// A thread for each row, for few classes.
constexpr Kernel<Loss> cross_entropy_kernel{"cross_entropy_kernel"};
constexpr Kernel<Loss> double_softmax_kernel{"double_softmax_kernel"};
constexpr Kernel<Loss> mse_kernel{"mse_kernel"};
constexpr Kernel<Loss> distillation_kernel{"distillation_kernel"};
// A block for each row, for many.
constexpr Kernel<Loss> wide_cross_entropy_kernel{"wide_cross_entropy_kernel"};

// to[k] (+)= weight x mean of the rows' losses. A warp for each replica.
struct AccumulateLoss {
  const int* count;
  const float* losses;          // [K][...]
  long long losses_stride;
  const double* weight;         // or null: 1
  double* to;                   // [K]
  bool accumulate;
};
constexpr Kernel<AccumulateLoss> accumulate_loss_kernel{"accumulate_loss_kernel"};

}  // namespace lrdist::cuda
