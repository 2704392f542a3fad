#include "passes.h"

#include <bit>

#include "dry_device.h"

namespace lrdist::cuda {

Passes& passes_of(State& state) {
  if (!state.passes) state.passes = std::make_shared<Passes>(state);
  return *state.passes;
}

void Passes::keep_graphs(State& state) {
  if (generation != state.generation) graphs.clear(state.device());
  generation = state.generation;
}

void Passes::reserve(State& state, int64_t bytes) {
  if (bytes > activations.bytes()) {
    graphs.clear(state.device());
    activations = {};
    state.require_room((bytes + state.replicas - 1) / state.replicas, "the activations of a batch");
  }
  grow(state, activations, bytes);
  state.activations = activations.bytes();
}

Weights weights_of(State& state, const Passes& passes, bool mixed, int64_t first) {
  const int64_t p = state.layout.size;
  Weights w{(mixed ? passes.mixed.data() : state.weights.data()) + first * p, p};
  if (state.spec.precision != Precision::bf16) return w;
  w.low = (mixed ? passes.mixed_low.data() : state.low.data()) + first * state.low_stride();
  w.low_begin = state.low_begin();
  w.low_stride = state.low_stride();
  return w;
}

int64_t planned_bytes(State& state, const std::function<void(Device&, Arena&)>& work) {
  DryDevice device(state.device());
  Arena arena;
  work(device, arena);
  return arena.needed();
}

void append_key(GraphCache::Key& key, const PassKind& kind) {
  const Bucket& b = kind.bucket;
  const HeadTask& t = kind.task;
  for (const int n : {b.tokens, b.rows, b.wanted, b.length}) key.push_back(n);
  key.insert(key.end(), {t.head, static_cast<int64_t>(t.loss), std::bit_cast<int64_t>(t.label_smoothing), t.labels_from_model,
                         reinterpret_cast<int64_t>(t.teacher), std::bit_cast<int64_t>(t.temperature), kind.encoder.keep_from, kind.encoder.shared,
                         kind.encoder.dropout_from, kind.dropout, kind.mixed, reinterpret_cast<int64_t>(kind.encoder.stored.data),
                         kind.encoder.stored.blocks, kind.encoder.stored.filled});
}

void append_key(GraphCache::Key& key, const std::vector<uint8_t>& flags) {
  uint64_t bits = 1;
  for (size_t i = 0; i < flags.size(); ++i) {
    bits = bits << 1 | (flags[i] != 0);
    if (i % 62 != 61 && i + 1 != flags.size()) continue;
    key.push_back(static_cast<int64_t>(bits));
    bits = 1;
  }
}

}  // namespace lrdist::cuda
