#include "late_rows.h"

#include <algorithm>

#include "profile.h"

namespace lrdist {

bool may_be_late(const Layout& layout, const Plan& plan, const Learning& learning, int64_t replica, const std::vector<Part>& parts) {
  if (!learning(layout.word)) return false;
  const auto k = static_cast<size_t>(replica);
  if (!plan.penalties.empty() && plan.penalties[k].kind != PenaltyKind::none) return false;
  if (!plan.transforms.empty() && plan.transforms[k].kind != TransformKind::none) return false;
  if (std::any_of(parts.begin(), parts.end(), [](const Part& part) { return part.loss == Loss::masked_lm; })) return false;
  const int32_t group = plan.group_of[static_cast<size_t>(layout.word)];
  return plan.optimizer == Optimizer::adamw || plan.decay[static_cast<size_t>(replica * plan.groups + group)] == 0;
}

LateRows::LateRows(CpuEngine::State& state, int64_t replica) : s_(state), replica_(replica), made_(static_cast<size_t>(state.layout.model.vocab), 0) {}

LateRows::~LateRows() {
  for (int64_t row = 0; row < s_.layout.model.vocab; ++row) add(row);
  catch_up();
}

void LateRows::need(const std::vector<int32_t>& ids) {
  for (const int32_t id : ids) add(id);
  catch_up();
}

void LateRows::put_off(const kernels::AdamChunk& step, const std::vector<int32_t>& done) {
  steps_.push_back(step);
  for (const int32_t row : done) made_[static_cast<size_t>(row)] = static_cast<int32_t>(steps_.size());
}

void LateRows::add(int64_t row) {
  int32_t& made = made_[static_cast<size_t>(row)];
  const auto count = static_cast<int32_t>(steps_.size());
  if (made == count) return;
  const bool moments = s_.replicas[static_cast<size_t>(replica_)].touched[static_cast<size_t>(row)] != 0;
  if (moments || steps_.back().decay != 0) {
    const int64_t width = s_.layout.model.hidden, begin = s_.layout.tensors[static_cast<size_t>(s_.layout.word)].offset + row * width;
    chunks_.push_back({begin, begin + width, steps_.data() + made, count - made, moments});
  }
  made = count;
}

void LateRows::catch_up() {
  if (chunks_.empty()) return;
  const profile::Phase phase("optimizer");
  const int64_t offset = replica_ * s_.layout.size;
  kernels::adam_late(s_.weights_of(replica_), s_.first.mutable_data_ptr<float>() + offset, s_.second.mutable_data_ptr<float>() + offset, chunks_,
                     adam_settings(*s_.plan, 1));
  chunks_.clear();
}

}  // namespace lrdist
