// What an engine holds. Buffers are [replicas][layout.size] floats, made when first needed.
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "cpu_engine.h"
#include "gradients.h"
#include "layout.h"
#include "low_weights.h"
#include "matmul.h"
#include "memory.h"
#include "optimizer.h"
#include "prefix.h"

namespace lrdist {

// Step counts and touched rows of one replica, and whether its loss is still finite.
struct ReplicaState {
  std::vector<int64_t> steps;
  std::vector<uint8_t> touched;
  bool finite = true;
};

// Values of every parameter, for each replica or one row for all of them (made when there was one replica, before a fork).
struct Slot {
  at::Tensor weights, first, second;  // moments undefined in a snapshot of the weights and in a Fisher diagonal
  std::vector<ReplicaState> replicas;
};

struct Pass;

struct CpuEngine::State {
  explicit State(const SessionSpec& spec);

  SessionSpec spec;
  Layout layout;
  at::Tensor weights, first, second;
  std::vector<ReplicaState> replicas;
  Gradients gradients;
  std::optional<Plan> plan;
  bool fresh_moments = false;  // to be cleared before the next use
  std::map<int64_t, std::shared_ptr<const Ragged>> datasets;
  std::map<int64_t, Slot> slots;
  int64_t next_dataset = 0, next_slot = 0;
  int64_t peak_activations = 0;
  PrefixClasses prefix_classes;
  PrefixStore prefix_store;

  LowWeights low;

  Product product() const;
  // One pass of a replica over `pass_weights`: its own, or some that were made for this step.
  Pass pass(const Product& product, int64_t replica, const float* pass_weights, int64_t step, bool dropout);
  int64_t count() const { return static_cast<int64_t>(replicas.size()); }
  float* weights_of(int64_t replica) { return weights.mutable_data_ptr<float>() + replica * layout.size; }
  void need_weights();
  // Makes the moments, and clears them if the plan asked for fresh ones.
  void need_moments();
  ReplicaState fresh_replica() const;
  const Ragged& dataset(int64_t id) const;
  Slot& slot(int64_t id);
  // Replica i becomes old replica order[i], each now `size` floats long; slots follow.
  void rearrange(const std::vector<int32_t>& order, int64_t size);
  // To be called wherever weights change; training says which instead.
  void weights_changed();
  // Frozen blocks of a replica under the plan, as a depth (prefix.h); 0 without a plan.
  int64_t frozen_depth(int64_t replica) const;
  // The slot's values for a replica.
  const float* slot_row(int64_t id, int64_t replica);
};

}  // namespace lrdist
