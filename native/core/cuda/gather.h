// Passes over whole gradients outside of training: for Fisher information and mean gradients; and the comparison of two buffers.
#pragma once

#include <vector>

#include "chunk_list.h"
#include "../../kernels/cuda/optimizer.h"

namespace lrdist::cuda {

// Sums gradients of all replicas into [K][P] buffers. Its calls can be recorded in a graph, which it must outlive.
class GradientSum {
 public:
  // written [T]: tensors that the passes write; word_dense: the word embedding's as a whole, else rows with stamp[row] = *step + 1.
  GradientSum(Device& device, const Layout& layout, const std::vector<uint8_t>& written, bool word_dense, const unsigned* stamp, const unsigned* step);
  // sum += scale * g^2
  void add_squares(const float* gradients, float* sum, float scale, int64_t replicas);
  // sum += scale * g
  void add_scaled(const float* gradients, float* sum, float scale, int64_t replicas);

 private:
  void launch(const Kernel<GatherArguments>& kernel, const float* gradients, float* sum, float scale, int64_t replicas);
  Device& device_;
  ChunkList list_;
  Array<TensorFacts> facts_;
  WordState word_;
  int64_t stride_;
};

// [K][T][4]: sums of a^2, a b, b^2, (a - b)^2 of each tensor, in double. Strides are P, or 0 where one row serves all replicas. Waits for the result.
std::vector<double> compare(Device& device, const Layout& layout, const float* a, int64_t stride_a, const float* b, int64_t stride_b, int64_t replicas);

}  // namespace lrdist::cuda
