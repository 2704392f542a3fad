// The three matrix products of a linear layer, through the faster of the two libraries inside libtorch. Each library repeats its
// bits from run to run, but the two differ from one another, so the choice is part of a run's record.
#pragma once

#include <ATen/core/Tensor.h>

#include "engine.h"

namespace lrdist {

// Measures once per process unless told; thread-safe.
Matmul choose_matmul(Matmul wanted);

class Product {
 public:
  explicit Product(Matmul library) : onednn_(library == Matmul::onednn) {}

  // x [m, k], w [n, k] -> x w^T [m, n]
  at::Tensor forward(const at::Tensor& x, const float* w, int64_t n) const;
  // dy [m, n], w [n, k] -> dy w [m, k]
  at::Tensor backward_input(const at::Tensor& dy, const float* w, int64_t k) const;
  // dw [n, k] (+)= dy^T x
  void backward_weight(const at::Tensor& dy, const at::Tensor& x, float* dw, bool accumulate) const;

 private:
  bool onednn_;
};

// A view of memory that someone else owns.
at::Tensor view(const float* data, int64_t rows, int64_t columns);

}  // namespace lrdist
