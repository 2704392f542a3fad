// The engine's short methods; the long ones are in engine_train.cc, evaluate.cc, measure.cc, engine_files.cc and peaks.cc.
#include "cuda_engine.h"

#include <algorithm>
#include <numeric>

#include "../initialize.h"
#include "gather.h"
#include "memory_plan.h"
#include "passes.h"
#include "state.h"

namespace lrdist::cuda {
namespace {

template <class T>
Array<T> copy_of(Device& device, const Array<T>& from) {
  Array<T> to(device, from.size());
  device.copy(to.data(), from.data(), from.bytes());
  return to;
}

// Of a slot into the buffer of all replicas: one row into each, or row by row.
template <class T>
void copy_rows(Device& device, Array<T>& to, const Array<T>& from, int64_t rows, int64_t replicas) {
  const int64_t length = from.size() / rows;
  if (rows == replicas) return device.copy(to.data(), from.data(), from.bytes());
  for (int64_t k = 0; k < replicas; ++k) device.copy(to.data() + k * length, from.data(), length * static_cast<int64_t>(sizeof(T)));
}

int64_t bytes_of(const Slot& s) { return s.weights.bytes() + s.first.bytes() + s.second.bytes() + s.steps.bytes() + s.touched.bytes() + s.alive.bytes(); }

}  // namespace

CudaEngine::CudaEngine(const SessionSpec& spec) : CudaEngine(spec, Rank{}) {}
CudaEngine::CudaEngine(const SessionSpec& spec, const Rank& rank) : state_(std::make_unique<State>(spec, rank)) {}
CudaEngine::~CudaEngine() = default;

std::vector<ParameterInfo> CudaEngine::parameters() const {
  std::vector<ParameterInfo> result;
  for (const TensorPlace& t : state_->layout.tensors) result.push_back({t.name, t.shape});
  return result;
}

std::string CudaEngine::matmul() const { return "cublas"; }
int64_t CudaEngine::replicas() const { return state_->replicas; }

const std::atomic<bool>& CudaEngine::stop_flag() const { return state_->rank.group ? state_->rank.group->stop() : stop; }

int64_t CudaEngine::add_head(const HeadSpec& head) {
  State& s = *state_;
  Layout layout = s.layout;
  layout.add_head(head);
  std::vector<int32_t> same(static_cast<size_t>(s.replicas));
  std::iota(same.begin(), same.end(), 0);
  s.rearrange(same, layout.size, layout.count());
  s.layout = std::move(layout);
  if (s.plan) {
    s.plan->group_of.resize(static_cast<size_t>(s.layout.count()), -1);
    if (!s.plan->anchored.empty()) s.plan->anchored.resize(static_cast<size_t>(s.layout.count()), 0);
  }
  return static_cast<int64_t>(s.layout.heads.size()) - 1;
}

int64_t CudaEngine::add_dataset(std::shared_ptr<const Ragged> data) {
  state_->datasets[state_->next_dataset] = std::move(data);
  return state_->next_dataset++;
}

int64_t& CudaEngine::next_slot() { return state_->next_slot; }

void CudaEngine::remove_dataset(int64_t dataset) { state_->datasets.erase(dataset); }

void CudaEngine::initialize(const std::vector<int32_t>& parameters, double std, uint64_t seed) {
  State& s = *state_;
  s.need_weights();
  s.weights_changed();
  std::vector<float> values;
  for (const int32_t p : parameters) {
    if (stop_flag().load()) throw Error("ERR_STOPPED", "the initialization was stopped");
    const TensorPlace& place = s.layout.tensors.at(static_cast<size_t>(p));
    values.resize(static_cast<size_t>(place.size));
    fill_fresh(place, std, seed, values.data());
    float* first = s.weights_of(0) + place.offset;
    s.device().upload(first, values.data(), place.size * 4);
    for (int64_t k = 1; k < s.replicas; ++k) s.device().copy(s.weights_of(k) + place.offset, first, place.size * 4);
  }
}

void CudaEngine::set_plan(Plan plan) {
  state_->fresh_moments = state_->fresh_moments || plan.fresh_moments;
  state_->plan = std::move(plan);
}

void CudaEngine::set_replicas(const std::vector<int32_t>& order) {
  state_->rearrange(order, state_->layout.size, state_->layout.count());
  state_->plan.reset();
}

// What this session holds already counts as room.
int64_t CudaEngine::fit(const FitSpec& spec) {
  State& s = *state_;
  const BatchSizes batch{spec.tokens, spec.rows, wanted_tokens(s.layout, spec.tokens, spec.rows)};
  int64_t own = s.weights.bytes() + s.low.bytes() + s.first.bytes() + s.second.bytes() + s.gradients.bytes() + s.activations;
  int64_t slots = spec.slots;
  for (const auto& [id, slot] : s.slots) {
    if (slot.rows == 1) continue;
    slots += slot.first ? 3 : 1;
    own += bytes_of(slot);
  }
  const ReplicaBytes one = bytes_of_training(s.layout, s.spec.precision, batch, s.plan ? &*s.plan : nullptr, slots);
  return replicas_that_fit(s.device().free_bytes() + own, spec.replicas, one.all());
}

int64_t CudaEngine::snapshot(bool all) {
  State& s = *state_;
  s.need_weights();
  if (all) s.need_moments();
  s.require_room((all ? 3 : 1) * s.layout.size * 4, "a snapshot");
  Device& d = s.device();
  Slot slot;
  slot.rows = s.replicas;
  slot.weights = copy_of(d, s.weights);
  if (all) {
    slot.first = copy_of(d, s.first);
    slot.second = copy_of(d, s.second);
    slot.steps = copy_of(d, s.steps);
    slot.touched = copy_of(d, s.touched);
    slot.alive = copy_of(d, s.alive);
  }
  s.slots[s.next_slot] = std::move(slot);
  return s.next_slot++;
}

void CudaEngine::restore(int64_t id) {
  State& s = *state_;
  const Slot& slot = s.slot(id);
  Device& d = s.device();
  s.need_weights();
  s.weights_changed();
  copy_rows(d, s.weights, slot.weights, slot.rows, s.replicas);
  if (!slot.first) return;
  s.need_moments();
  copy_rows(d, s.first, slot.first, slot.rows, s.replicas);
  copy_rows(d, s.second, slot.second, slot.rows, s.replicas);
  copy_rows(d, s.steps, slot.steps, slot.rows, s.replicas);
  copy_rows(d, s.touched, slot.touched, slot.rows, s.replicas);
  copy_rows(d, s.alive, slot.alive, slot.rows, s.replicas);
}

void CudaEngine::release(int64_t slot) {
  const auto found = state_->slots.find(slot);
  if (found == state_->slots.end()) return;
  state_->released.push_back(std::move(found->second));
  state_->slots.erase(found);
}

std::vector<double> CudaEngine::compare(const Operand& a, const Operand& b) const {
  State& s = *state_;
  struct Values {
    const float* data;
    int64_t stride;
  };
  const auto values = [&](const Operand& o) -> Values {
    if (o.buffer == Buffer::slot) return {s.slot_row(o.slot, 0), s.slot(o.slot).rows == 1 ? 0 : s.layout.size};
    const Array<float>& buffer = o.buffer == Buffer::weights ? s.weights : o.buffer == Buffer::exp_avg ? s.first : s.second;
    if (!buffer) throw Error("ERR_INVALID_OPTION", "compare: that buffer does not exist yet");
    return {buffer.data(), s.layout.size};
  };
  const Values x = values(a), y = values(b);
  return cuda::compare(s.device(), s.layout, x.data, x.stride, y.data, y.stride, s.replicas);
}

Memory CudaEngine::memory() const {
  const State& s = *state_;
  Memory m{};
  m.weights = s.weights.bytes() + s.low.bytes() + s.alive.bytes();
  m.moments = s.first.bytes() + s.second.bytes() + s.steps.bytes() + s.touched.bytes();
  m.gradients = s.gradients.bytes() + s.stamp.bytes();
  for (const auto& [id, slot] : s.slots) m.slots += bytes_of(slot);
  for (const auto& [id, data] : s.datasets) m.datasets += static_cast<int64_t>(data->ids.size() * 5 + data->offsets.size() * 4 + data->labels.size() * 4);
  m.activations = s.activations;
  if (s.passes) m.prefix = s.passes->store.bytes();
  return m;
}

}  // namespace lrdist::cuda
