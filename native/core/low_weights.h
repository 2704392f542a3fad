// bf16 copies of the weights, as factors of matrix products. The masters stay fp32; a copy is made anew where its master has changed.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "../kernels/kernels.h"
#include "layout.h"

namespace lrdist {

// A copy lacks the embeddings, which are looked up in fp32: element i of the arena is data[i - begin].
struct LowCopy {
  const kernels::bf16* data = nullptr;
  int64_t begin = 0;
  explicit operator bool() const { return data != nullptr; }
};

class LowWeights {
 public:
  // The replica's copy, made anew if anything changed. `weights` is the arena of all replicas [K][size].
  LowCopy of(const Layout& layout, const at::Tensor& weights, int64_t replica);
  // The copy of weights that are made for one step.
  LowCopy of_step(const Layout& layout, const float* weights);
  // Every copy is out of date.
  void changed() { current_.clear(); }
  // The replica's copy for the optimizer to keep up to date; nothing if it is not.
  kernels::LowTarget target(const Layout& layout, int64_t replica);

  int64_t bytes() const;

 private:
  at::Tensor copies_, step_;
  std::vector<uint8_t> current_;  // [K] or empty
};

}  // namespace lrdist
