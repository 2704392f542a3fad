// Classification and regression on the first token, through the pooler or not.
#pragma once

#include "head_pass.h"

namespace lrdist::cuda {

struct Classification {
  float* pooled_NH = nullptr;   // tanh of the pooler, before dropout; null without a pooler
  const float* dropped_NH = nullptr;  // what the classifier sees
  float* logits = nullptr;      // [K][N][outputs]
};

Classification classify(const Pass& pass, int64_t head, const float* y_NH);
// With `gradient` the logits become the gradient of weight x mean loss.
void classification_losses(const Pass& pass, const HeadTask& task, float* logits, bool gradient, float* losses);
float* classification_backward(const Pass& pass, const HeadTask& task, const float* y_NH, const Learning& learning, float* losses);

// What the losses of both kinds of heads have in common.
lrdist::cuda::Loss loss_arguments(const Pass& pass, const HeadTask& task);

}  // namespace lrdist::cuda
