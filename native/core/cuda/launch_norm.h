// Launches the kernels of kernels/cuda/norm.h, which says what they do. T is float or bfloat.
#pragma once

#include "../../kernels/cuda/norm.h"
#include "device.h"
#include "workspace.h"

namespace lrdist::cuda {

template <class T>
void bias_dropout_residual_norm(Device& device, const ResidualNorm<T>& a, int64_t replicas);
void norm(Device& device, const PlainNorm& a, int64_t replicas);
// Throws Error with ERR_KERNEL where the workspace is too small; without any sums none is used.
template <class T>
void norm_backward(Device& device, const NormBackward<T>& a, int64_t replicas, const Workspace& workspace);

}  // namespace lrdist::cuda
