// How many replicas the machine has memory for.
#include <algorithm>

#include "state.h"

namespace lrdist {

// Replicas take turns with the gradients and the activations. What this session holds already counts as room.
int64_t CpuEngine::fit(const FitSpec& spec) {
  const State& s = *state_;
  const int64_t available = available_memory(), arena = s.layout.size * 4;
  if (available < 0) return spec.replicas;
  int64_t arenas = 3 + spec.slots;  // weights, moments
  for (const auto& [id, slot] : s.slots)
    if (slot.weights.size(0) > 1) arenas += slot.first.defined() ? 3 : 1;
  const int64_t low = s.spec.precision == Precision::bf16 ? (s.layout.size - s.layout.factors_begin()) * 2 : 0;
  const int64_t shared = arena + activation_bytes(s.layout, spec.tokens, true);
  const Memory own = memory();
  return std::clamp<int64_t>((available + own.weights + own.moments + own.gradients + own.slots - shared) / (arenas * arena + low), 0, spec.replicas);
}

}  // namespace lrdist
