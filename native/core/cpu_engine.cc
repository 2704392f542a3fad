// The engine's state and its short methods; the long ones are in train.cc, evaluate.cc, measure.cc and files.cc.
#include "cpu_engine.h"

#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "../kernels/kernels.h"
#include "profile.h"
#include "allocator.h"
#include "bert.h"
#include "initialize.h"
#include "state.h"

namespace lrdist {
namespace {

// Rows of `from` [K][old size] copied into a new buffer [order][size].
at::Tensor rearranged(const at::Tensor& from, const std::vector<int32_t>& order, int64_t size, int64_t dense) {
  if (!from.defined()) return from;
  const int64_t old_size = from.size(1);
  at::Tensor to = zero_arena(static_cast<int64_t>(order.size()), size, dense);
  for (size_t i = 0; i < order.size(); ++i)
    kernels::copy(to.mutable_data_ptr<float>() + static_cast<int64_t>(i) * size, from.const_data_ptr<float>() + order[i] * old_size, std::min(size, old_size));
  return to;
}

std::vector<int32_t> counting(int64_t n) {
  std::vector<int32_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  return order;
}

// Slots of one row serve any number of replicas.
void rearrange_slots(std::map<int64_t, Slot>& slots, const std::vector<int32_t>& order, int64_t size, int64_t dense) {
  for (auto& [id, slot] : slots) {
    const bool shared = slot.weights.size(0) == 1;
    const std::vector<int32_t> rows = shared ? std::vector<int32_t>{0} : order;
    slot.weights = rearranged(slot.weights, rows, size, 0);
    slot.first = rearranged(slot.first, rows, size, dense);
    slot.second = rearranged(slot.second, rows, size, dense);
    if (shared || slot.replicas.empty()) continue;
    std::vector<ReplicaState> replicas;
    for (const int32_t k : order) replicas.push_back(slot.replicas.at(static_cast<size_t>(k)));
    slot.replicas = std::move(replicas);
  }
}

}  // namespace

CpuEngine::State::State(const SessionSpec& s) : spec(s), layout(make_layout(s)), gradients(layout) {
  replicas.assign(static_cast<size_t>(s.replicas), fresh_replica());
}

ReplicaState CpuEngine::State::fresh_replica() const {
  return {std::vector<int64_t>(static_cast<size_t>(layout.count()), 0), std::vector<uint8_t>(static_cast<size_t>(layout.model.vocab), 0), true};
}

void CpuEngine::State::need_weights() {
  if (weights.defined()) return;
  require_memory(count() * layout.size * 4, "weights");
  weights = zero_arena(count(), layout.size, 0);
}

void CpuEngine::State::need_moments() {
  const profile::Phase phase("moments");
  if (fresh_moments || !first.defined()) {
    if (!first.defined()) require_memory(2 * count() * layout.size * 4, "Adam's moments");
    first = second = at::Tensor();
    first = zero_arena(count(), layout.size, layout.dense_begin());
    second = zero_arena(count(), layout.size, layout.dense_begin());
    for (ReplicaState& r : replicas) {
      const bool finite = r.finite;
      r = fresh_replica();
      r.finite = finite;
    }
  }
  fresh_moments = false;
}

const Ragged& CpuEngine::State::dataset(int64_t id) const {
  const auto found = datasets.find(id);
  if (found == datasets.end()) throw Error("ERR_INVALID_OPTION", "dataset: there is no dataset " + std::to_string(id));
  return *found->second;
}

Slot& CpuEngine::State::slot(int64_t id) {
  const auto found = slots.find(id);
  if (found == slots.end()) throw Error("ERR_INVALID_OPTION", "slot: there is no slot " + std::to_string(id));
  return found->second;
}

void CpuEngine::State::rearrange(const std::vector<int32_t>& order, int64_t size) {
  const auto buffers = static_cast<int64_t>(weights.defined()) + 2 * static_cast<int64_t>(first.defined());
  require_memory(static_cast<int64_t>(order.size()) * size * 4 * buffers, "the replicas");
  const int64_t dense = layout.dense_begin();
  const at::Tensor new_weights = rearranged(weights, order, size, 0);
  const at::Tensor new_first = rearranged(first, order, size, dense), new_second = rearranged(second, order, size, dense);
  std::map<int64_t, Slot> new_slots = slots;
  rearrange_slots(new_slots, order, size, dense);
  std::vector<ReplicaState> new_replicas;
  for (const int32_t k : order) new_replicas.push_back(replicas.at(static_cast<size_t>(k)));
  weights = new_weights;
  first = new_first;
  second = new_second;
  slots = std::move(new_slots);
  replicas = std::move(new_replicas);
  prefix_classes.rearrange(order);
  prefix_store.keep_only(prefix_classes);
  low.changed();
}

void CpuEngine::State::weights_changed() {
  prefix_classes.forget();
  prefix_store.clear();
  low.changed();
}

int64_t CpuEngine::State::frozen_depth(int64_t replica) const { return plan ? lowest_learning(layout, learning_of(layout, *plan, replica)) + 1 : 0; }

const float* CpuEngine::State::slot_row(int64_t id, int64_t replica) {
  const at::Tensor& values = slot(id).weights;
  return values.const_data_ptr<float>() + (values.size(0) == 1 ? 0 : replica) * layout.size;
}

Pass CpuEngine::State::pass(const Product& product, int64_t replica, const float* pass_weights, int64_t step, bool dropout) {
  Pass pass{layout, product, pass_weights, spec.seed, step, dropout};
  if (spec.precision == Precision::bf16)
    pass.low = pass_weights == weights_of(replica) ? low.of(layout, weights, replica) : low.of_step(layout, pass_weights);
  return pass;
}

Product CpuEngine::State::product() const { return Product(choose_matmul(spec.matmul, layout)); }

CpuEngine::CpuEngine(const SessionSpec& spec) : state_(std::make_unique<State>(spec)) {}
CpuEngine::~CpuEngine() {
  state_.reset();
  release_kept_memory();
}

std::vector<ParameterInfo> CpuEngine::parameters() const {
  std::vector<ParameterInfo> result;
  for (const TensorPlace& t : state_->layout.tensors) result.push_back({t.name, t.shape});
  return result;
}

std::string CpuEngine::matmul() const { return choose_matmul(state_->spec.matmul, state_->layout).text(); }
int64_t CpuEngine::replicas() const { return state_->count(); }

// Everything new is made before anything old is given up: running out of memory leaves the engine as it was.
int64_t CpuEngine::add_head(const HeadSpec& head) {
  const c10::InferenceMode guard;
  State& s = *state_;
  Layout layout = s.layout;
  layout.add_head(head);
  s.rearrange(counting(s.count()), layout.size);
  s.layout = std::move(layout);
  const auto count = static_cast<size_t>(s.layout.count());
  for (ReplicaState& r : s.replicas) r.steps.resize(count, 0);
  for (auto& [id, slot] : s.slots)
    for (ReplicaState& r : slot.replicas) r.steps.resize(count, 0);
  if (s.plan) {
    s.plan->group_of.resize(count, -1);
    if (!s.plan->anchored.empty()) s.plan->anchored.resize(count, 0);
  }
  return static_cast<int64_t>(s.layout.heads.size()) - 1;
}

int64_t CpuEngine::add_dataset(Ragged data) {
  state_->datasets[state_->next_dataset] = std::make_shared<const Ragged>(std::move(data));
  return state_->next_dataset++;
}

void CpuEngine::remove_dataset(int64_t dataset) {
  state_->prefix_store.remove_dataset(dataset);
  state_->datasets.erase(dataset);
}

void CpuEngine::initialize(const std::vector<int32_t>& parameters, double std, uint64_t seed) {
  const c10::InferenceMode guard;
  State& s = *state_;
  s.need_weights();
  s.weights_changed();
  for (const int32_t p : parameters) {
    const TensorPlace& place = s.layout.tensors.at(static_cast<size_t>(p));
    float* out = s.weights_of(0) + place.offset;
    fill_fresh(place, std, seed, out);
    for (int64_t k = 1; k < s.count(); ++k) std::copy_n(out, place.size, s.weights_of(k) + place.offset);
  }
}

void CpuEngine::set_plan(Plan plan) {
  state_->fresh_moments = state_->fresh_moments || plan.fresh_moments;
  state_->plan = std::move(plan);
}

void CpuEngine::set_replicas(const std::vector<int32_t>& order) {
  const c10::InferenceMode guard;
  state_->rearrange(order, state_->layout.size);
  state_->plan.reset();
  release_kept_memory();
}

int64_t CpuEngine::snapshot(bool all) {
  const c10::InferenceMode guard;
  State& s = *state_;
  s.need_weights();
  if (all) s.need_moments();
  require_memory((all ? 3 : 1) * s.count() * s.layout.size * 4, "a snapshot");
  Slot slot;
  slot.weights = s.weights.clone();
  if (all) {
    slot.first = s.first.clone();
    slot.second = s.second.clone();
    slot.replicas = s.replicas;
  }
  s.slots[s.next_slot] = std::move(slot);
  return s.next_slot++;
}

void CpuEngine::restore(int64_t id) {
  const c10::InferenceMode guard;
  State& s = *state_;
  const Slot& slot = s.slot(id);
  s.weights_changed();
  s.weights.copy_(slot.weights);  // one row is copied into every replica
  if (!slot.first.defined()) return;
  s.need_moments();
  s.first.copy_(slot.first);
  s.second.copy_(slot.second);
  for (size_t k = 0; k < s.replicas.size(); ++k) s.replicas[k] = slot.replicas[slot.replicas.size() == 1 ? 0 : k];
}

void CpuEngine::release(int64_t slot) { state_->slots.erase(slot); }

Memory CpuEngine::memory() const {
  const State& s = *state_;
  const auto bytes = [](const at::Tensor& t) { return t.defined() ? static_cast<int64_t>(t.nbytes()) : 0; };
  Memory m{};
  m.weights = bytes(s.weights) + s.low.bytes();
  m.moments = bytes(s.first) + bytes(s.second);
  m.gradients = s.gradients.bytes();
  for (const auto& [id, slot] : s.slots) m.slots += bytes(slot.weights) + bytes(slot.first) + bytes(slot.second);
  for (const auto& [id, data] : s.datasets) m.datasets += static_cast<int64_t>(data->ids.size() * 5 + data->offsets.size() * 4 + data->labels.size() * 4);
  m.activations = s.peak_activations;
  m.prefix = s.prefix_store.bytes();
  return m;
}

}  // namespace lrdist
