// Losses of all replicas; kernels/cuda/loss.h says what is computed.
#pragma once

#include "../../kernels/cuda/loss.h"
#include "device.h"

namespace lrdist::cuda {

enum class LossKind { cross_entropy, double_softmax, mse, distillation };

// Masked language modelling is cross-entropy with `targets`.
void loss(Device& device, LossKind kind, const Loss& a, int replicas);
void accumulate_loss(Device& device, const AccumulateLoss& a, int replicas);

}  // namespace lrdist::cuda
