// Launches the kernels of kernels/cuda/{gelu,sums,pointwise,rows}.h, which say what they do. T is float or bfloat. Throw Error with ERR_KERNEL where
// the workspace is too small; without any sums none is used.
#pragma once

#include "../../kernels/cuda/gelu.h"
#include "../../kernels/cuda/pointwise.h"
#include "../../kernels/cuda/rows.h"
#include "../../kernels/cuda/sums.h"
#include "device.h"
#include "workspace.h"

namespace lrdist::cuda {

template <class T>
void bias_gelu(Device& device, const BiasGelu<T>& a, int64_t replicas);
template <class T>
void gelu_backward(Device& device, const GeluBackward<T>& a, int64_t replicas, const Workspace& workspace);
template <class T>
void column_sums(Device& device, const ColumnSums<T>& a, int64_t replicas, const Workspace& workspace);

void dropout_rows(Device& device, const DropoutRows& a, int64_t replicas);
void bias_tanh(Device& device, const BiasTanh& a, int64_t replicas);
void convert(Device& device, const Convert<float, bfloat>& a, int64_t replicas);

void gather_rows(Device& device, const GatherRows& a, int64_t replicas);
template <class T>
void add_rows(Device& device, const AddRows<T>& a, int64_t replicas);

}  // namespace lrdist::cuda
