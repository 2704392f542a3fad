// Hidden states behind frozen blocks, kept from epoch to epoch for the rows of datasets, where no dropout touches those blocks. One copy serves all replicas,
// which are alike there.
#pragma once

#include <map>
#include <vector>

#include "encoder.h"
#include "state.h"

namespace lrdist::cuda {

class StateStore {
 public:
  // Training begins with so many frozen blocks that are alike; 0: none. What was kept for others, or for weights that have changed, is dropped.
  void begin(State& state, int64_t blocks);
  // Where the states of a dataset are, for a batch of these rows, all of which are kept afterwards; nothing if they have no room (a quarter of the memory that is free when
  // a dataset's first states are kept).
  StoredStates use(State& state, int64_t dataset, const Batch& batch);
  // Batches that were given a place will not run after all.
  void forget() { datasets_.clear(); }
  void remove(int64_t dataset) { datasets_.erase(dataset); }
  int64_t bytes() const;

 private:
  struct Kept {
    Array<float> states;          // [tokens of the dataset][H]
    std::vector<uint8_t> filled;  // [rows]
  };
  int64_t blocks_ = 0, version_ = -1;
  std::map<int64_t, Kept> datasets_;
};

}  // namespace lrdist::cuda
