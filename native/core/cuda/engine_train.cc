#include <c10/core/InferenceMode.h>

#include "../profile.h"
#include "cuda_engine.h"
#include "trainer.h"

namespace lrdist::cuda {

SegmentResult CudaEngine::train(const Segment& segment, const std::function<void(StepEvent&&)>& on_step) {
  const c10::InferenceMode guard;
  const profile::Phase job("train");
  if (!state_->plan) throw Error("ERR_INVALID_OPTION", "train: setPlan comes first (and again after setReplicas)");
  return Trainer(*state_, segment, on_step).run(stop_flag());
}

}  // namespace lrdist::cuda
