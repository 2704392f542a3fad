#include "profile.h"

#include <algorithm>

namespace lrdist::profile {

void Recorder::begin_kernel() {
  if (kernel_depth_++ == 0) kernel_start_ = Clock::now();
}

void Recorder::end_kernel(const char* kernel, const kernels::Work& work) {
  if (--kernel_depth_ == 0) book(kernel, work, kernel_start_, Clock::now());
}

void Recorder::begin_phase(const char* name, int64_t layer) {
  if (!phases_.empty() && phases_.back().name == name) ++phases_.back().again;
  else phases_.push_back({name, layer, Clock::now()});
}

void Recorder::end_phase() {
  if (phases_.back().again-- > 0) return;
  if (phases_.size() == 1) step_ = replica_ = -1;  // the job's own event
  book("", {}, phases_.back().start, Clock::now());
  phases_.pop_back();
}

void Recorder::at(int64_t step, int64_t replica) {
  step_ = static_cast<int32_t>(step);
  replica_ = static_cast<int32_t>(replica);
}

void Recorder::book(std::string_view kernel, const kernels::Work& work, Clock::time_point start, Clock::time_point end) {
  const std::string_view job = phases_.empty() ? "" : phases_.front().name, phase = phases_.size() < 2 ? "" : phases_.back().name;
  const int64_t layer = phases_.empty() ? -1 : phases_.back().layer;
  const auto [place, fresh] = row_of_.try_emplace({job, phase, layer, kernel, work.columns, work.inner}, static_cast<int32_t>(rows_.size()));
  if (fresh) rows_.push_back({job, phase, kernel, layer, work.columns, work.inner});
  Row& row = rows_[static_cast<size_t>(place->second)];
  ++row.count;
  row.seconds += std::chrono::duration<double>(end - start).count();
  row.flops += work.flops;
  row.bytes += work.bytes;
  if (most_events_ == 0) return;
  const Event event{start - origin_, end - start, place->second, step_, replica_, static_cast<int32_t>(work.rows)};
  if (ring_.size() < most_events_) ring_.push_back(event);
  else ring_[events_ % most_events_] = event;
  ++events_;
}

Profile Recorder::take() {
  const auto oldest = static_cast<std::ptrdiff_t>(ring_.empty() ? 0 : events_ % ring_.size());
  if (events_ > ring_.size()) std::rotate(ring_.begin(), ring_.begin() + oldest, ring_.end());
  const auto dropped = static_cast<int64_t>(events_ - ring_.size());
  return {std::move(rows_), std::move(ring_), dropped};
}

}  // namespace lrdist::profile
