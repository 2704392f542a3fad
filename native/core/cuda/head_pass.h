// Heads and losses on the encoder's output for all replicas: heads.h on the device. All in fp32.
#pragma once

#include "launch_loss.h"
#include "pass.h"

namespace lrdist::cuda {

struct HeadTask {
  int64_t head;
  lrdist::Loss loss;
  double label_smoothing = 0;
  bool labels_from_model = false;
  const float* teacher = nullptr;  // distillation: logits [dataset rows][outputs] of replica 0's teacher
  int64_t teacher_stride = 0;
  double temperature = 1;
};

// y_NH: the encoder's output at the wanted tokens [K][N][H]. Returns [K][N][outputs], in the pass's arena.
float* classification_logits(const Pass& pass, int64_t head, const float* y_NH);

// Loss of each row, or of each masked token: to losses [K][N].
void head_losses(const Pass& pass, const HeadTask& task, const float* y_NH, float* losses);

// Writes the gradients of weight x mean loss for the head's tensors, step_loss[k] (+)= weight x mean loss. Returns the gradient of y_NH, or null if nothing
// below the head learns. `stamp`: of the word embedding's rows.
float* head_backward(const Pass& pass, const HeadTask& task, const float* y_NH, const Learning& learning, const unsigned* stamp, double* step_loss, bool add_loss);

}  // namespace lrdist::cuda
