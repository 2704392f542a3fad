#include "checks.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_set>
#include <utility>

namespace lrdist {
namespace {

[[noreturn]] void refuse(const std::string& field, const std::string& why) { throw Error("ERR_INVALID_OPTION", field + ": " + why); }

std::string at(const std::string& field, size_t index) { return field + "[" + std::to_string(index) + "]"; }

template <class T>
void check_length(const std::vector<T>& numbers, int64_t length, const std::string& field, const char* meaning) {
  if (static_cast<int64_t>(numbers.size()) == length) return;
  refuse(field, "expected " + std::to_string(length) + " numbers (" + meaning + "), received " + std::to_string(numbers.size()));
}

void check_range(const std::vector<int32_t>& numbers, int64_t low, int64_t high, const std::string& field) {
  for (size_t i = 0; i < numbers.size(); ++i) {
    if (numbers[i] < low || numbers[i] > high) {
      refuse(at(field, i), "expected an integer from " + std::to_string(low) + " to " + std::to_string(high) + ", received " +
                               std::to_string(numbers[i]));
    }
  }
}

void check_finite(const std::vector<double>& numbers, bool negative_allowed, const std::string& field) {
  for (size_t i = 0; i < numbers.size(); ++i) {
    if (!std::isfinite(numbers[i]) || (!negative_allowed && numbers[i] < 0)) {
      refuse(at(field, i), "expected a finite number" + std::string(negative_allowed ? "" : " of at least 0") + ", received " +
                               std::to_string(numbers[i]));
    }
  }
}

// offsets[0] = 0, strictly ascending, the last one = total.
void check_offsets(const std::vector<int32_t>& offsets, size_t total, const std::string& field, const char* piece) {
  if (offsets.size() < 2) refuse(field, std::string("expected at least two numbers (one ") + piece + ")");
  if (offsets[0] != 0) refuse(at(field, 0), "expected 0, received " + std::to_string(offsets[0]));
  for (size_t i = 1; i < offsets.size(); ++i) {
    if (offsets[i] <= offsets[i - 1]) {
      refuse(at(field, i), "expected more than " + std::to_string(offsets[i - 1]) + " (no " + piece + " may be empty), received " +
                               std::to_string(offsets[i]));
    }
  }
  if (static_cast<size_t>(offsets.back()) != total) {
    refuse(field, "expected to end at " + std::to_string(total) + ", received " + std::to_string(offsets.back()));
  }
}

void check_index(int64_t value, int64_t count, const std::string& field, const std::string& things) {
  if (value < 0 || value >= count) {
    refuse(field, "there are " + std::to_string(count) + " " + things + ", number " + std::to_string(value) + " is not one of them");
  }
}

const HeadSpec& head_for(const Facts& facts, int64_t head, Loss loss, const std::string& field) {
  check_index(head, static_cast<int64_t>(facts.heads.size()), field + ".head", "heads");
  const HeadSpec& spec = facts.heads[static_cast<size_t>(head)];
  if ((spec.kind == HeadKind::masked_lm) != (loss == Loss::masked_lm)) {
    refuse(field + ".loss", "does not go with the kind of head '" + spec.name + "'");
  }
  if (loss == Loss::mse && spec.outputs != 1) {
    refuse(field + ".loss", "'mse' needs a head with one output; '" + spec.name + "' has " + std::to_string(spec.outputs));
  }
  return spec;
}

// A target that the loss can use: a class of the head, or any number for 'mse'.
void check_label(float label, Loss loss, const HeadSpec& head, int64_t row, const char* field, size_t index) {
  if (loss == Loss::masked_lm || loss == Loss::distillation) return;
  if (std::isnan(label)) refuse(at(field, index), "row " + std::to_string(row) + " of the dataset has no label");
  if (loss == Loss::mse) return;
  if (!(label >= 0 && label < static_cast<float>(head.outputs)) || label != std::floor(label)) {
    refuse(at(field, index), "row " + std::to_string(row) + " of the dataset has the label " + std::to_string(label) + ", but head '" + head.name +
                      "' has the classes 0 to " + std::to_string(head.outputs - 1));
  }
}

void check_masking(const Facts& facts, const Masking& masking, const std::string& field) {
  const int64_t last = facts.model.vocab - 1;
  if (masking.mask_id > last) refuse(field + ".maskId", "expected an id below the vocabulary's size of " + std::to_string(last + 1));
  check_range(masking.special, 0, last, field + ".special");
  const std::unordered_set<int32_t> distinct(masking.special.begin(), masking.special.end());
  if (static_cast<int64_t>(distinct.size()) > last) refuse(field + ".special", "leaves no id that could be drawn");
}

// The largest typed array that every supported V8 can make.
void check_result_size(double numbers, const std::string& field) {
  if (numbers > 4294967295.0) refuse(field, "would give more than 4294967295 numbers; ask for fewer rows or steps at a time");
}

}  // namespace

// The engine keeps a byte for each replica and word, from the beginning.
void check_replicas(const ModelSpec& model, int64_t replicas, const std::string& field) {
  const int64_t most = std::min<int64_t>(4096, (int64_t{1} << 28) / model.vocab);
  if (replicas < 1 || replicas > most) {
    refuse(field, "expected 1 to " + std::to_string(most) + " replicas, received " + std::to_string(replicas));
  }
}

void check_heads(const ModelSpec& model, const std::vector<HeadSpec>& heads, const std::string& field) {
  std::unordered_set<std::string> names;
  bool masked_lm = false;
  for (const HeadSpec& head : heads) {
    if (!names.insert(head.name).second) refuse(field, "there are two heads of the name '" + head.name + "'");
    if (head.kind == HeadKind::masked_lm && std::exchange(masked_lm, true)) refuse(field, "there can be only one 'masked-lm' head");
    if (head.kind == HeadKind::classification && head.pooler && !model.pooler) {
      refuse(field, "head '" + head.name + "' needs the pooler, but the model has none (model.pooler)");
    }
  }
}

void check_ragged(const Facts& facts, const Ragged& data) {
  check_offsets(data.offsets, data.ids.size(), "data.offsets", "row");
  check_length(data.types, static_cast<int64_t>(data.ids.size()), "data.typeIds", "one for each id");
  check_length(data.labels, data.rows(), "data.labels", "one for each row");
  check_range(data.ids, 0, facts.model.vocab - 1, "data.inputIds");
  for (size_t i = 0; i < data.types.size(); ++i) {
    if (data.types[i] >= facts.model.type_vocab) {
      refuse(at("data.typeIds", i), "expected less than " + std::to_string(facts.model.type_vocab) + ", received " + std::to_string(data.types[i]));
    }
  }
  for (size_t row = 0; row < data.labels.size(); ++row) {
    const int64_t length = data.offsets[row + 1] - data.offsets[row];
    if (length > facts.model.max_positions) {
      refuse(at("data.offsets", row + 1), "row " + std::to_string(row) + " has " + std::to_string(length) + " tokens, the model has " +
                                              std::to_string(facts.model.max_positions) + " positions");
    }
    if (std::isinf(data.labels[row])) refuse(at("data.labels", row), "expected a finite number or NaN");
  }
}

void check_dataset(const Facts& facts, int64_t dataset, const std::string& field) {
  if (!facts.datasets.contains(dataset)) refuse(field, "there is no dataset with the handle " + std::to_string(dataset));
}

void check_slot(const Facts& facts, int64_t slot, const std::string& field) {
  if (!facts.slots.contains(slot)) refuse(field, "there is no slot " + std::to_string(slot));
}

void check_restorable(const Facts& facts, int64_t slot, const std::string& field) {
  check_slot(facts, slot, field);
  if (facts.slots.at(slot) == SlotKind::values) refuse(field, "slot " + std::to_string(slot) + " is not a snapshot");
}

void check_parameters(const Facts& facts, const std::vector<int32_t>& parameters, const std::string& field) {
  check_range(parameters, 0, static_cast<int64_t>(facts.parameters.size()) - 1, field);
}

void check_order(const Facts& facts, const std::vector<int32_t>& order) {
  check_replicas(facts.model, static_cast<int64_t>(order.size()), "order");
  check_range(order, 0, facts.replicas - 1, "order");
}

namespace {

void check_place(const Facts& facts, Buffer buffer, int64_t parameter, int64_t replica, const std::string& field) {
  check_index(parameter, static_cast<int64_t>(facts.parameters.size()), field + ".parameter", "parameters");
  check_index(replica, facts.replicas, field + ".replica", "replicas");
  const std::string& name = facts.parameters[static_cast<size_t>(parameter)].name;
  if (buffer == Buffer::touched && name != "bert.embeddings.word_embeddings.weight") {
    refuse(field + ".buffer", "only the word embeddings have touched rows, not '" + name + "'");
  }
}

}  // namespace

void check_file_tensors(const Facts& facts, const std::vector<FileTensor>& tensors) {
  for (size_t i = 0; i < tensors.size(); ++i) {
    const FileTensor& t = tensors[i];
    check_place(facts, t.buffer, t.parameter, t.replica == -1 ? 0 : t.replica, at("tensors", i));
    if (t.buffer == Buffer::slot) check_slot(facts, t.slot, at("tensors", i) + ".slot");
  }
}

void check_source(const Facts& facts, const Source& source, const std::string& field) {
  check_place(facts, source.buffer, source.parameter, source.replica, field);
  if (source.buffer == Buffer::slot) check_slot(facts, source.slot, field + ".slot");
}

void check_plan(const Facts& facts, const Plan& plan) {
  check_length(plan.group_of, static_cast<int64_t>(facts.parameters.size()), "plan.groupOf", "one for each parameter");
  check_range(plan.group_of, -1, plan.groups - 1, "plan.groupOf");
  check_length(plan.rates, facts.replicas * plan.groups, "plan.rates", "replicas x groups");
  check_length(plan.decay, facts.replicas * plan.groups, "plan.decay", "replicas x groups");
  check_finite(plan.rates, false, "plan.rates");
  check_finite(plan.decay, false, "plan.decay");
  if (!plan.anchored.empty()) check_length(plan.anchored, static_cast<int64_t>(facts.parameters.size()), "plan.anchored", "one for each parameter");
  if (!plan.penalties.empty()) check_length(plan.penalties, facts.replicas, "plan.penalties", "one for each replica");
  if (!plan.transforms.empty()) check_length(plan.transforms, facts.replicas, "plan.transforms", "one for each replica");
  const auto slot = [&](int64_t id, const std::string& field) {
    if (id >= 0) check_slot(facts, id, field);
  };
  for (size_t k = 0; k < plan.penalties.size(); ++k) {
    slot(plan.penalties[k].anchor, at("plan.penalties", k) + ".anchor");
    slot(plan.penalties[k].fisher, at("plan.penalties", k) + ".fisher");
  }
  for (size_t k = 0; k < plan.transforms.size(); ++k) {
    slot(plan.transforms[k].anchor, at("plan.transforms", k) + ".anchor");
    slot(plan.transforms[k].fisher, at("plan.transforms", k) + ".fisher");
  }
}

void check_segment(const Facts& facts, const Segment& s) {
  if (!facts.plan) refuse("segment", "setPlan() must come first, and again after addHead() and setReplicas()");
  for (size_t p = 0; p < s.parts.size(); ++p) {
    const std::string field = at("segment.parts", p);
    head_for(facts, s.parts[p].head, s.parts[p].loss, field);
    check_dataset(facts, s.parts[p].dataset, field + ".dataset");
    if (s.parts[p].loss == Loss::masked_lm) check_masking(facts, s.parts[p].masking, field + ".masking");
    if (s.parts[p].loss == Loss::distillation) {
      const auto rows = static_cast<int64_t>(facts.datasets.at(s.parts[p].dataset).labels.size());
      check_length(s.parts[p].targets, facts.replicas * rows * facts.heads[static_cast<size_t>(s.parts[p].head)].outputs, field + ".targets",
                   "replicas x rows x outputs");
      for (size_t i = 0; i < s.parts[p].targets.size(); ++i)
        if (!std::isfinite(s.parts[p].targets[i])) refuse(at(field + ".targets", i), "expected a finite number");
    }
  }

  check_offsets(s.row_offsets, s.rows.size(), "segment.rowOffsets", "batch");
  const int64_t batches = static_cast<int64_t>(s.row_offsets.size()) - 1;
  check_length(s.batch_part, batches, "segment.batchPart", "one for each batch");
  check_length(s.batch_step, batches, "segment.batchStep", "one for each batch");
  check_length(s.weights, batches, "segment.weights", "one for each batch");
  check_range(s.batch_part, 0, static_cast<int64_t>(s.parts.size()) - 1, "segment.batchPart");
  check_finite(s.weights, true, "segment.weights");
  int64_t step = -1;
  for (size_t b = 0; b < s.batch_step.size(); ++b) {
    if (s.batch_step[b] != step && s.batch_step[b] != step + 1) {
      refuse(at("segment.batchStep", b), "expected " + std::to_string(std::max<int64_t>(step, 0)) + " or the step after it, received " +
                                             std::to_string(s.batch_step[b]));
    }
    step = s.batch_step[b];
  }
  if (step != s.steps - 1) {
    refuse("segment.batchStep", "expected to end at step " + std::to_string(s.steps - 1) + ", received " + std::to_string(step));
  }

  const double width = s.factors_per_group ? static_cast<double>(facts.plan->groups) : 1;
  check_result_size(static_cast<double>(facts.replicas) * static_cast<double>(s.steps) * width, "segment.steps");
  check_length(s.factors, facts.replicas * s.steps * static_cast<int64_t>(width), "segment.factors",
               s.factors_per_group ? "replicas x steps x groups" : "replicas x steps");
  check_finite(s.factors, false, "segment.factors");

  for (size_t b = 0; b < s.batch_part.size(); ++b) {
    const Part& part = s.parts[static_cast<size_t>(s.batch_part[b])];
    const HeadSpec& head = facts.heads[static_cast<size_t>(part.head)];
    const DatasetFacts& data = facts.datasets.at(part.dataset);
    int64_t tokens = 0;
    for (int32_t i = s.row_offsets[b]; i < s.row_offsets[b + 1]; ++i) {
      const int32_t row = s.rows[static_cast<size_t>(i)];
      if (row < 0 || static_cast<size_t>(row) >= data.labels.size()) check_index(row, data.labels.size(), at("segment.rows", i), "rows");
      check_label(data.labels[static_cast<size_t>(row)], part.loss, head, row, "segment.rows", static_cast<size_t>(i));
      tokens += data.offsets[static_cast<size_t>(row) + 1] - data.offsets[static_cast<size_t>(row)];
    }
    if (tokens > std::numeric_limits<int32_t>::max()) refuse(at("segment.rowOffsets", b), "the batch has too many tokens");
  }
}

namespace {

// Each row asked for is there and, if `head` is given, has a label for it.
void check_rows(const DatasetFacts& data, const std::vector<int32_t>* rows, const char* field, Loss loss, const HeadSpec* head) {
  const auto count = static_cast<int64_t>(data.labels.size());
  if (rows != nullptr) {
    if (rows->empty()) refuse(field, "expected at least one row");
    check_range(*rows, 0, count - 1, field);
  }
  if (head == nullptr) return;
  const size_t wanted = rows == nullptr ? data.labels.size() : rows->size();
  for (size_t i = 0; i < wanted; ++i) {
    const size_t row = rows == nullptr ? i : static_cast<size_t>((*rows)[i]);
    check_label(data.labels[row], loss, *head, static_cast<int64_t>(row), field, i);
  }
}

}  // namespace

void check_evaluation(const Facts& facts, const Evaluation& e) {
  check_dataset(facts, e.dataset, "evaluation.dataset");
  const DatasetFacts& data = facts.datasets.at(e.dataset);
  check_index(e.head, static_cast<int64_t>(facts.heads.size()), "evaluation.head", "heads");
  const HeadSpec& head = facts.heads[static_cast<size_t>(e.head)];
  const auto hidden = static_cast<double>(facts.model.hidden);
  double width = 0;
  switch (e.want) {
    case Want::losses:
      head_for(facts, e.head, e.loss, "evaluation");
      if (e.loss == Loss::masked_lm) check_masking(facts, e.masking, "evaluation.masking");
      width = 2;
      break;
    case Want::logits:
      if (head.kind == HeadKind::masked_lm) refuse("evaluation.want", "'logits' are for classification heads; a 'masked-lm' head gives 'losses'");
      width = static_cast<double>(head.outputs);
      break;
    case Want::cls: width = hidden; break;
    case Want::layers: width = hidden * static_cast<double>(facts.model.layers + 1); break;
  }
  const double rows = static_cast<double>(e.all_rows ? data.labels.size() : e.rows.size());
  check_result_size(static_cast<double>(facts.replicas) * rows * width, "evaluation");
  check_rows(data, e.all_rows ? nullptr : &e.rows, "evaluation.rows", e.loss, e.want == Want::losses ? &head : nullptr);
}

void check_fisher(const Facts& facts, const FisherSpec& f) {
  const HeadSpec& head = head_for(facts, f.head, f.loss, "fisher");
  check_dataset(facts, f.dataset, "fisher.dataset");
  if (f.loss == Loss::masked_lm) check_masking(facts, f.masking, "fisher.masking");
  check_rows(facts.datasets.at(f.dataset), &f.rows, "fisher.rows", f.loss, f.labels_from_model ? nullptr : &head);
}

void check_gradient(const Facts& facts, const GradientSpec& g) {
  const HeadSpec& head = head_for(facts, g.head, g.loss, "gradient");
  check_dataset(facts, g.dataset, "gradient.dataset");
  if (g.loss == Loss::masked_lm) check_masking(facts, g.masking, "gradient.masking");
  check_rows(facts.datasets.at(g.dataset), &g.rows, "gradient.rows", g.loss, &head);
}

void check_operand(const Facts& facts, const Operand& operand, const std::string& field) {
  if (operand.buffer == Buffer::slot) check_slot(facts, operand.slot, field + ".slot");
}

}  // namespace lrdist
