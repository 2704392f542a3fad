#include "state.h"

#include <algorithm>

#include "launch_pointwise.h"
#include "memory_plan.h"
#include "passes.h"

namespace lrdist::cuda {

State::State(const SessionSpec& s, const Rank& r) : spec(s), rank(r), layout(make_layout(s)), replicas(s.replicas) {}
State::~State() = default;

Device& State::device() {
  if (!device_) device_ = open_device(spec.device, spec.precision == Precision::tf32);
  released.clear();
  return *device_;
}

Communicator* State::communicator() {
  if (!rank.group) return nullptr;
  const int64_t generation = rank.group->generation();
  if (communicator_ && communicator_generation_ == generation) return communicator_.get();
  communicator_.reset();
  communicator_ = device().join(*rank.group, rank.index);
  communicator_generation_ = generation;
  return communicator_.get();
}

void State::require_room(int64_t bytes_of_one, const std::string& what) {
  const int64_t fitting = replicas_that_fit(device().free_bytes(), replicas, bytes_of_one);
  if (fitting < replicas) throw does_not_fit(what, replicas, fitting, spec.device);
}

void State::need_weights() {
  if (weights) return;
  Device& d = device();
  require_room(bytes_of_weights(layout, spec.precision).all(), "the weights");
  alive = uploaded(d, std::vector<int>(static_cast<size_t>(replicas), 1));
  weights = cleared<float>(d, replicas * layout.size);
  ++generation;
}

void State::need_moments() {
  need_weights();
  Device& d = device();
  if (!first) {
    require_room(bytes_of_moments(layout), "Adam's moments");
    steps = cleared<int>(d, replicas * layout.count());
    touched = cleared<unsigned char>(d, replicas * layout.model.vocab);
    second = cleared<float>(d, replicas * layout.size);
    first = cleared<float>(d, replicas * layout.size);  // last: if it is there, all are
    ++generation;
  } else if (fresh_moments) {
    d.clear(first.data(), first.bytes());
    d.clear(second.data(), second.bytes());
    d.clear(steps.data(), steps.bytes());
    d.clear(touched.data(), touched.bytes());
  }
  fresh_moments = false;
}

void State::need_gradients() {
  if (gradients) return;
  require_room(layout.size * 4, "the gradients");
  stamp = cleared<unsigned>(device(), layout.model.vocab);
  gradients = Array<float>(device(), replicas * layout.size);
  ++generation;
}

void State::need_low() {
  if (spec.precision != Precision::bf16) return;
  need_weights();
  if (!low) {
    require_room(low_stride() * 2, "the bf16 copies of the weights");
    low = Array<bfloat>(device(), replicas * low_stride());
    ++generation;
    low_current_ = false;
  }
  if (low_current_) return;
  Convert<float, bfloat> round{};
  round.from = {weights.data() + low_begin(), layout.size};
  round.to = {low.data(), low_stride()};
  round.n = low_stride();
  convert(device(), round, replicas);
  low_current_ = true;
}

void State::weights_changed() {
  low_current_ = false;
  ++weights_version;
  if (passes) passes->store.forget();
}

const Ragged& State::dataset(int64_t id) const {
  const auto found = datasets.find(id);
  if (found == datasets.end()) throw Error("ERR_INVALID_OPTION", "dataset: there is no dataset " + std::to_string(id));
  return *found->second;
}

Slot& State::slot(int64_t id) {
  const auto found = slots.find(id);
  if (found == slots.end()) throw Error("ERR_INVALID_OPTION", "slot: there is no slot " + std::to_string(id));
  return found->second;
}

const float* State::slot_row(int64_t id, int64_t replica) {
  const Slot& s = slot(id);
  return s.weights.data() + (s.rows == 1 ? 0 : replica) * layout.size;
}

int64_t State::new_slot() {
  require_room(layout.size * 4, "values of all weights");
  Slot made;
  made.rows = replicas;
  made.weights = cleared<float>(device(), replicas * layout.size);
  slots[next_slot] = std::move(made);
  return next_slot++;
}

}  // namespace lrdist::cuda
