// What a CUDA engine holds. K replicas, P = layout.size, T tensors, V words. Buffers are made when first needed.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "../layout.h"
#include "array.h"
#include "cuda_engine.h"
#include "group.h"

namespace lrdist::cuda {

// Values of every parameter, for each replica or one row for all of them (made when there was one replica, before a fork).
struct Slot {
  int64_t rows = 0;  // K or 1
  Array<float> weights, first, second;  // [rows][P]; moments absent in a snapshot of the weights and in a Fisher diagonal
  Array<int> steps;                     // [rows][T], with the moments
  Array<unsigned char> touched;         // [rows][V], with the moments
  Array<int> alive;                     // [rows], with the moments
};

// What passes keep from segment to segment: graphs, activations, records. Belongs to engine_train.cc.
struct Passes;

struct State {
  State(const SessionSpec& spec, const Rank& rank);
  ~State();

 private:
  std::unique_ptr<Device> device_;  // outlives what lies in its memory
  std::unique_ptr<Communicator> communicator_;
  int64_t communicator_generation_ = 0;

 public:
  const SessionSpec spec;
  const Rank rank;
  Layout layout;
  int64_t replicas;

  Array<float> weights, first, second;  // [K][P]
  Array<float> gradients;               // [K][P]: of the tensors in `written` only; nothing is cleared
  Array<bfloat> low;                    // [K][P - low_begin()], in bf16 only
  Array<int> steps;                     // [K][T], with the moments
  Array<unsigned char> touched;         // [K][V], with the moments; moments of other rows are zero
  Array<unsigned> stamp;                // [V], with the gradients: optimizer step + 1 in which the word's row last had a gradient
  Array<int> alive;                     // [K]: 0 once a loss was not finite

  // Of the last step with gradients: tensors that have one [T], whether the word embedding's is dense, and else the stamp of its rows.
  std::vector<uint8_t> written;
  bool word_dense = false;
  unsigned last_stamp = 0;
  std::vector<uint8_t> word_pulled;  // [K] or empty: whether all touched rows have one

  std::optional<Plan> plan;
  bool fresh_moments = false;  // to be cleared before the next use
  std::map<int64_t, std::shared_ptr<const Ragged>> datasets;
  std::map<int64_t, Slot> slots;
  int64_t next_dataset = 0, next_slot = 0;
  std::vector<Slot> released;  // their memory goes with the next job: it belongs to the device's thread

  std::shared_ptr<Passes> passes;
  int64_t activations = 0;  // bytes that passes hold now
  // Grows whenever addresses, strides or K change: what was recorded before must not be replayed.
  int64_t generation = 0;
  // Grows whenever weights may have changed outside of training: which replicas are equal is to be found out anew.
  int64_t weights_version = 0;

  // Opened when first asked for, on the engine's thread.
  Device& device();
  bool opened() const { return device_ != nullptr; }
  // The group's; null without one. Made when first asked for, by all ranks at the same place in a job.
  Communicator* communicator();
  // Before part `step` of a job: whether to go on. The same on every rank.
  bool goes_on(int64_t step, bool go) { return rank.group ? rank.group->agree(rank.index, step, go) : go; }

  // Where `low` begins in the arena; the embeddings before it are looked up in fp32.
  int64_t low_begin() const { return layout.factors_begin(); }
  int64_t low_stride() const { return layout.size - low_begin(); }
  float* weights_of(int64_t replica) { return weights.data() + replica * layout.size; }

  // Throws ERR_OUT_OF_MEMORY, which says how many replicas would fit, if so many more bytes for each do not.
  void require_room(int64_t bytes_of_one, const std::string& what);
  void need_weights();
  // Makes the moments, steps and touched rows, and clears them if the plan asked for fresh ones.
  void need_moments();
  void need_gradients();
  // Makes the bf16 copies, and makes them anew if weights changed but through an optimizer that keeps them up to date.
  void need_low();
  void weights_changed();

  const Ragged& dataset(int64_t id) const;
  // Throw ERR_INVALID_OPTION if there is no such slot.
  Slot& slot(int64_t id);
  const float* slot_row(int64_t id, int64_t replica);
  // A slot of zeros [K][P].
  int64_t new_slot();

  // Replica i becomes old replica order[i], each now `size` floats and `tensors` tensors long; slots follow.
  void rearrange(const std::vector<int32_t>& order, int64_t size, int64_t tensors);

 private:
  bool low_current_ = false;
};

}  // namespace lrdist::cuda
