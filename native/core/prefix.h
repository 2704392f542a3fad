// The frozen first blocks of the encoder. Block 0 is the embeddings, block l + 1 is layer l. A depth counts blocks: at depth d the forward
// pass stands before layer d - 1. Replicas with the same weights in their frozen blocks share one forward pass through them, and where no
// dropout touches it, each dataset row goes through it once (prefix_store.h).
#pragma once

#include <optional>
#include <vector>

#include "bert.h"
#include "prefix_store.h"

namespace lrdist {

// Which replicas have the same bits in their first blocks. Comparing takes a pass over the weights, so the answer is kept and followed
// through everything that changes weights.
class PrefixClasses {
 public:
  // Compares if nothing is known. weights: [replicas][layout.size]
  void find(const Layout& layout, const float* weights, int64_t replicas);
  // Equal numbers: the same bits in the first `depth` (>= 1) blocks. A number never comes back with other weights.
  int64_t number(int64_t depth, int64_t replica) const { return numbers_[static_cast<size_t>(depth - 1)][static_cast<size_t>(replica)]; }
  bool holds(int64_t depth, int64_t number) const;
  // Weights changed anywhere.
  void forget() { numbers_.clear(); }
  // This replica's blocks from index `depth` on are about to change.
  void detach(int64_t replica, int64_t depth);
  void rearrange(const std::vector<int32_t>& order);

 private:
  std::vector<std::vector<int64_t>> numbers_;  // [blocks][replicas], or nothing
  int64_t next_ = 0;
};

// What the replicas' forward passes have in common in one segment or evaluation: a tree of the depths at which they part or end.
class SharedPrefix {
 public:
  // ends[k]: the depth to which replica k is taken. kept[k]: a depth up to that one at which its states may be stored; 0: none.
  // store: null unless the blocks run without dropout.
  SharedPrefix(const PrefixClasses& classes, const std::vector<int64_t>& ends, const std::vector<int64_t>& kept, PrefixStore* store);

  // Forgets the states of earlier batches.
  void begin(size_t batches) { states_.assign(batches, std::vector<Node>(places_.size())); }
  // The states of batch `index` where replica k goes on by itself. What no replica has computed yet is computed with `pass`, which is k's.
  // dataset: where the batch's rows come from; null if they were masked. first_states: as in EncoderOptions; needs a null dataset.
  HiddenStates take(const Pass& pass, const Batch& batch, size_t index, int64_t replica, const DatasetRef* dataset, std::vector<float>* first_states = nullptr);
  // Of the states that wait for other replicas.
  int64_t bytes_per_token(const ModelSpec& model) const;

 private:
  struct Place {
    int64_t parent;  // -1: the start
    int64_t depth, number;
    int64_t users = 0;  // places and replicas that go on from here
    bool kept = false;
  };
  struct Node {
    std::optional<HiddenStates> states;
    std::vector<float> first_states;
    int64_t used = 0;
  };
  HiddenStates at(int64_t place, const Pass& pass, const Batch& batch, int64_t index, const DatasetRef* dataset, std::vector<float>* first_states);
  HiddenStates compute(int64_t place, const Pass& pass, const Batch& batch, int64_t index, const DatasetRef* dataset, std::vector<float>* first_states);
  HiddenStates look_up(int64_t place, const Pass& pass, const Batch& batch, int64_t index, const DatasetRef& dataset);

  std::vector<Place> places_;
  std::vector<int64_t> place_of_;  // [replicas], -1: the start
  std::vector<std::vector<Node>> states_;
  PrefixStore* store_;
};

}  // namespace lrdist
