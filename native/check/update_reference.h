// What core does after backward, on the processor and one replica after the other: the optimizer is core's own, penalties and transforms follow
// core/penalties.cc with the CPU's kernels. On a small model, with gradients that are drawn.
#pragma once

#include <string>
#include <vector>

#include "core/optimizer.h"
#include "update_case.h"

namespace lrdist::check {

// One step's input, the same for both sides.
struct StepInput {
  int64_t step, segment_step;
  bool dense;
  std::vector<int32_t> ids;                    // of the batch
  std::vector<uint8_t> written;                // [T]
  std::vector<std::vector<float>> gradients;   // [K][P]
  std::vector<double> loss;                    // [K]
};

class UpdateReference {
 public:
  explicit UpdateReference(const UpdateCase& c);

  Segment segment(int64_t index);
  void begin_segment(const Segment& segment);
  StepInput input(const Segment& segment, int64_t segment_step, bool first_segment);
  void step(const Segment& segment, const StepInput& in);
  // By any replica [T].
  std::vector<uint8_t> learning() const;
  // Slot 0: a row for each replica, 1: one row for all, 2: Fisher information.
  const float* slot(int64_t id, int64_t replica) const { return slots_[static_cast<size_t>(id)].data() + (id == 1 ? 0 : replica * layout.size); }

  Layout layout;
  Plan plan;
  const int64_t replicas;
  static constexpr uint64_t seed = 0x1234567890ull;
  static constexpr int64_t steps = 3;
  std::vector<float> weights, first, second;          // [K][P]
  std::vector<std::vector<int64_t>> counts;           // [K][T]
  std::vector<std::vector<uint8_t>> touched;          // [K][vocab]
  std::vector<int> alive, non_finite;                 // [K]
  std::vector<float> losses, norms;                   // [K], of the last step
  std::vector<float> gradients;                       // [K][P], of the last step, as Adam had them before clipping; NaN where there is none
  std::vector<float> mixed;                           // [K][P], of the last step, with Mixout

 private:
  bool anchored(int64_t t) const { return plan.anchored.empty() || plan.anchored[static_cast<size_t>(t)]; }
  bool is_mixed(int64_t t) const;
  bool masked(int64_t t) const { return anchored(t) && t > layout.embedding_norm_bias && t <= layout.layers.back().norm2_bias; }
  Penalty penalty(int64_t k) const { return plan.penalties.empty() ? Penalty{} : plan.penalties[static_cast<size_t>(k)]; }
  Transform transform(int64_t k) const { return plan.transforms.empty() ? Transform{} : plan.transforms[static_cast<size_t>(k)]; }
  kernels::PullChunk pull(int64_t k, int64_t t) const;
  void mark_rows(int64_t k);
  float threshold(int64_t k) const;
  void mix(int64_t k, int64_t step);
  void fill(const StepInput& in, const Learning& learning, int64_t k);
  void mask(const std::vector<uint8_t>& updated, int64_t k, int64_t step);

  UpdateCase case_;
  Gradients gradients_;
  std::vector<std::vector<float>> slots_;
};

}  // namespace lrdist::check
