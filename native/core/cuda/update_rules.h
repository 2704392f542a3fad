// What a plan means for updates on the device, as plain arrays that are uploaded. Semantics: core/optimizer.cc and core/penalties.cc.
#pragma once

#include <functional>
#include <vector>

#include "../layout.h"
#include "../../kernels/cuda/optimizer.h"

namespace lrdist::cuda {

// Device address of a slot's values for a replica. Throws ERR_INVALID_OPTION if there is no such slot.
using SlotRow = std::function<const float*(int64_t slot, int64_t replica)>;

// Of the layout alone if there is no plan.
std::vector<TensorFacts> tensor_facts(const Layout& layout, const Plan* plan = nullptr);

// Numbers that Mixout draws in each step.
int64_t mixed_columns(const std::vector<TensorFacts>& facts);

// Rates (or decay) of each tensor [K][T]; tensors without a group have rate 0.
std::vector<double> per_tensor(const Layout& layout, const Plan& plan, const std::vector<double>& per_group, int64_t replicas);

// Empty if no replica has a penalty or a transform.
std::vector<ReplicaRules> replica_rules(const Plan& plan, uint64_t seed, int64_t replicas, const SlotRow& slot);

// How many of the masked tensors' elements a replica's Child-Tuning by Fisher information keeps [K].
std::vector<long long> kept_elements(const Layout& layout, const std::vector<TensorFacts>& facts, const Plan& plan, int64_t replicas);

UpdateSettings update_settings(const Plan& plan, const Segment& segment);

// Replicas whose penalty adds to the gradient of every row of the word embedding that is touched [K].
std::vector<uint8_t> pulled_words(const Layout& layout, const Plan& plan, int64_t replicas);

bool has_transform(const Plan& plan, TransformKind kind);

}  // namespace lrdist::cuda
