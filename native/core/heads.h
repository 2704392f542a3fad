// Heads on the encoder's output, with their losses: classification and regression on the first token (through the pooler or
// not), and the tied masked-language-model head on the masked tokens.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "bert.h"

namespace lrdist {

struct HeadTask {
  int64_t head;
  Loss loss;
  double label_smoothing = 0;
  bool labels_from_model = false;  // draw the labels from the prediction instead of the data (true Fisher)
  const float* teacher = nullptr;  // distillation: logits [dataset rows][outputs] of the old model, for this replica
  double temperature = 1;
};

// y_NH: the encoder's output at the batch's wanted tokens. Returns [rows][outputs].
std::vector<float> classification_logits(const Pass& pass, const Batch& batch, int64_t head, const at::Tensor& y_NH);

// Loss of each row, or of each masked token.
std::vector<float> head_losses(const Pass& pass, const Batch& batch, const HeadTask& task, const at::Tensor& y_NH);

struct HeadGradient {
  std::vector<float> losses;
  at::Tensor dy_NH;  // undefined if nothing below the head learns
};

// Adds the gradients of weight x mean loss for the head's tensors.
HeadGradient head_backward(const Pass& pass, const Batch& batch, const HeadTask& task, const at::Tensor& y_NH, double weight, const Learning& learning,
                           Gradients& gradients);

}  // namespace lrdist
