// What the shell remembers of a session, and the checks against it. The engine trusts every index that passes here. No Node-API in this file.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/engine.h"

namespace lrdist {

struct PlanFacts {
  int64_t groups;
};

// For each row of a dataset: its label; offsets as in Ragged.
struct DatasetFacts {
  std::vector<float> labels;
  std::vector<int32_t> offsets;
};

// Values (Fisher information, gradients) cannot be restored as weights.
enum class SlotKind { snapshot, values };

struct Facts {
  ModelSpec model;
  std::vector<HeadSpec> heads;
  int64_t replicas;
  std::vector<ParameterInfo> parameters;
  std::unordered_map<int64_t, DatasetFacts> datasets;
  std::unordered_map<int64_t, SlotKind> slots;
  std::optional<PlanFacts> plan;  // the one in force
};

// All throw Error{"ERR_INVALID_OPTION"} with the field's name.
void check_replicas(const ModelSpec& model, int64_t replicas, const std::string& field);
void check_heads(const ModelSpec& model, const std::vector<HeadSpec>& heads, const std::string& field);
void check_ragged(const Facts& facts, const Ragged& data);
void check_dataset(const Facts& facts, int64_t dataset, const std::string& field);
void check_slot(const Facts& facts, int64_t slot, const std::string& field);
void check_restorable(const Facts& facts, int64_t slot, const std::string& field);
void check_parameters(const Facts& facts, const std::vector<int32_t>& parameters, const std::string& field);
void check_order(const Facts& facts, const std::vector<int32_t>& order);
void check_file_tensors(const Facts& facts, const std::vector<FileTensor>& tensors);
void check_source(const Facts& facts, const Source& source, const std::string& field);
void check_plan(const Facts& facts, const Plan& plan);
void check_segment(const Facts& facts, const Segment& segment);
void check_evaluation(const Facts& facts, const Evaluation& evaluation);
void check_fisher(const Facts& facts, const FisherSpec& fisher);
void check_gradient(const Facts& facts, const GradientSpec& gradient);
void check_operand(const Facts& facts, const Operand& operand, const std::string& field);

}  // namespace lrdist
