// Products of matrices of both devices through libtorch.
#pragma once

#include <ATen/core/Tensor.h>

#include "recording_device.h"

namespace lrdist::cuda {

// One matrix for each replica as a tensor [replicas, rows, columns] on that memory, transposed if asked for.
at::Tensor view(const Matrices& m, int64_t replicas, bool transpose, at::Device device);

// On the processor, one replica after the other, so that each has the bits it would have alone. Factors in bf16 are converted first: sums are fp32.
void multiply_on_processor(const Product& product);
// On a GPU, all replicas in one call. Nothing is allocated, so that it can be captured.
void multiply_on_gpu(const Product& product, at::Device device);

}  // namespace lrdist::cuda
