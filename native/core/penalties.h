// Pulls towards an anchor and random or fixed masks, as passes over the arena. Per replica, so that a comparison of them is one run.
//
//   L2-SP     (Li et al. 2018)           loss + a/2 |w - w0|^2 on anchored tensors + b/2 |w|^2 on the others
//   EWC       (Kirkpatrick et al. 2017)  loss + l/2 sum F (w - w0)^2
//   RecAdam   (Chen et al. 2020)         w -= r(t) lr adam(task) + (1 - r(t)) lr c (w - w0),  r(t) = 1 / (1 + e^(-k (t - t0)))
//   Mixout    (Lee et al. 2020)          linear weights of the anchored tensors: a column is w0's with probability p
//   Child-Tuning (Xu et al. 2021)        F: gradients kept with probability p, divided by p; D: the top p by Fisher only
//
// Pulls enter the gradient before clipping (RecAdam's comes after Adam's update), Child-Tuning's masks after it.
#pragma once

#include <vector>

#include "state.h"

namespace lrdist {

// The penalty and transform of one replica in one segment.
class Regularizer {
 public:
  // mixed: room for mixed weights, shared by the replicas, which take turns.
  Regularizer(CpuEngine::State& state, const Learning& learning, int64_t replica, at::Tensor& mixed);

  // Weights for the forward and backward passes of this step: the replica's own, or mixed ones.
  const float* effective_weights(int64_t step);
  // After backward: the gradient of the mixed weights becomes that of the replica's.
  void finish_gradient(int64_t step);
  // Adds the pull's gradient. Returns the squared norm of the whole gradient, taken in the same pass.
  double add_penalty(const std::vector<uint8_t>& updated);
  // After the clip norm was taken.
  void mask_gradient(const std::vector<uint8_t>& updated, int64_t step);
  // stage_step counts from 1.
  Annealing annealing(int64_t stage_step);

 private:
  bool anchored(int64_t tensor) const;
  bool mixed(int64_t tensor) const;
  bool masked(int64_t tensor) const;
  kernels::PullChunk pull(int64_t tensor);
  void mark_pulled_rows();
  float fisher_threshold();

  CpuEngine::State& s_;
  const Learning& learning_;
  int64_t replica_;
  Penalty penalty_;
  Transform transform_;
  at::Tensor& mixed_;
  float threshold_ = -1;
};

}  // namespace lrdist
