// Replicas dropped, moved, copied, and tensors added: new buffers made of the old ones' rows.
#include <algorithm>

#include "memory_plan.h"
#include "state.h"

namespace lrdist::cuda {
namespace {

// Lengths of a replica's rows in the buffers.
struct Lengths {
  int64_t parameters, tensors, words;
};

// Rows of `from` [..][old_length] in a new array [order][length]; what is new at their ends is 0.
template <class T>
Array<T> rearranged(Device& device, const Array<T>& from, const std::vector<int32_t>& order, int64_t old_length, int64_t length) {
  if (!from) return {};
  const auto rows = static_cast<int64_t>(order.size());
  Array<T> to = length > old_length ? cleared<T>(device, rows * length) : Array<T>(device, rows * length);
  const int64_t bytes = std::min(length, old_length) * static_cast<int64_t>(sizeof(T));
  for (int64_t i = 0; i < rows; ++i) device.copy(to.data() + i * length, from.data() + order[static_cast<size_t>(i)] * old_length, bytes);
  return to;
}

// The state and its slots have buffers of the same names.
template <class Holder>
Slot rearranged(Device& device, const Holder& from, const std::vector<int32_t>& order, const Lengths& old, const Lengths& now) {
  const auto floats = [&](const Array<float>& array) { return rearranged(device, array, order, old.parameters, now.parameters); };
  Slot to;
  to.rows = static_cast<int64_t>(order.size());
  to.weights = floats(from.weights);
  to.first = floats(from.first);
  to.second = floats(from.second);
  to.steps = rearranged(device, from.steps, order, old.tensors, now.tensors);
  to.touched = rearranged(device, from.touched, order, old.words, now.words);
  to.alive = rearranged(device, from.alive, order, 1, 1);
  return to;
}

// Rows that stay, moved up in the array's own memory, and then into a smaller one if there is room for that beside it.
template <class T>
void shrink(Device& device, Array<T>& array, const std::vector<int32_t>& order, int64_t length) {
  if (!array) return;
  for (size_t i = 0; i < order.size(); ++i) {
    const auto to = static_cast<int64_t>(i);
    if (order[i] != to) device.copy(array.data() + to * length, array.data() + order[i] * length, length * static_cast<int64_t>(sizeof(T)));
  }
  const int64_t kept = static_cast<int64_t>(order.size()) * length;
  if (kept == array.size()) return;
  try {
    Array<T> smaller(device, kept);
    device.copy(smaller.data(), array.data(), smaller.bytes());
    array = std::move(smaller);
  } catch (const Error& error) {
    if (error.code != "ERR_OUT_OF_MEMORY") throw;
  }
}

template <class Holder>
void shrink(Device& device, Holder& holder, const std::vector<int32_t>& order, const Lengths& lengths) {
  for (Array<float>* array : {&holder.weights, &holder.first, &holder.second}) shrink(device, *array, order, lengths.parameters);
  shrink(device, holder.steps, order, lengths.tensors);
  shrink(device, holder.touched, order, lengths.words);
  shrink(device, holder.alive, order, 1);
}

bool only_drops(const std::vector<int32_t>& order) {
  return std::adjacent_find(order.begin(), order.end(), [](int32_t a, int32_t b) { return a >= b; }) == order.end();
}

}  // namespace

// Dropping needs no memory. Anything else is made before the old is given up: running out of memory leaves the engine as it was.
void State::rearrange(const std::vector<int32_t>& order, int64_t size, int64_t tensors) {
  const Lengths old{layout.size, layout.count(), layout.model.vocab}, now{size, tensors, layout.model.vocab};
  const auto count = static_cast<int64_t>(order.size());
  const bool grows = size > old.parameters;  // a new head, beside which the last step's gradients can still be read
  passes.reset();
  low = {};
  if (!grows) {
    gradients = {};
    stamp = {};
    written.clear();
  }
  if (weights) {
    Device& d = device();
    if (!grows && only_drops(order)) {
      shrink(d, *this, order, now);
      for (auto& [id, s] : slots) {
        if (s.rows == 1) continue;
        shrink(d, s, order, now);
        s.rows = count;
      }
    } else {
      int64_t arrays = (first ? 3 : 1) + (gradients ? 1 : 0);
      for (const auto& [id, s] : slots) arrays += s.rows == 1 ? 0 : s.first ? 3 : 1;
      const int64_t fitting = replicas_that_fit(d.free_bytes(), count, arrays * size * 4);
      if (fitting < count) throw does_not_fit("copies", count, fitting, spec.device);
      Slot own = rearranged(d, *this, order, old, now);
      std::map<int64_t, Slot> new_slots;
      for (const auto& [id, s] : slots) new_slots[id] = rearranged(d, s, s.rows == 1 ? std::vector<int32_t>{0} : order, old, now);
      gradients = rearranged(d, gradients, order, old.parameters, now.parameters);
      weights = std::move(own.weights);
      first = std::move(own.first);
      second = std::move(own.second);
      steps = std::move(own.steps);
      touched = std::move(own.touched);
      alive = std::move(own.alive);
      slots = std::move(new_slots);
    }
  }
  replicas = count;
  ++generation;
  weights_changed();
}

}  // namespace lrdist::cuda
