#include "state_store.h"

#include <algorithm>

namespace lrdist::cuda {

void StateStore::begin(State& state, int64_t blocks) {
  // The last layer works on the wanted tokens alone and is not kept.
  blocks = std::min(blocks, state.layout.model.layers);
  std::erase_if(datasets_, [&](const auto& entry) { return !state.datasets.contains(entry.first); });
  if (blocks == blocks_ && version_ == state.weights_version) return;
  datasets_.clear();
  blocks_ = blocks;
  version_ = state.weights_version;
}

StoredStates StateStore::use(State& state, int64_t dataset, const Batch& batch) {
  if (blocks_ == 0 || version_ != state.weights_version) return {};
  Kept& kept = datasets_[dataset];
  if (kept.filled.empty()) {
    const Ragged& data = state.dataset(dataset);
    const int64_t floats = static_cast<int64_t>(data.ids.size()) * state.layout.model.hidden;
    kept.filled.assign(static_cast<size_t>(data.rows()), 0);
    if (floats * static_cast<int64_t>(sizeof(float)) <= state.device().free_bytes() / 4) kept.states = Array<float>(state.device(), floats);
  }
  if (!kept.states) return {};
  StoredStates states{kept.states.data(), blocks_, true};
  for (const int32_t row : batch.dataset_row) {
    uint8_t& filled = kept.filled[static_cast<size_t>(row)];
    states.filled = states.filled && filled != 0;
    filled = 1;
  }
  return states;
}

int64_t StateStore::bytes() const {
  int64_t bytes = 0;
  for (const auto& [id, kept] : datasets_) bytes += kept.states.bytes();
  return bytes;
}

}  // namespace lrdist::cuda
