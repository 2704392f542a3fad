#include "update_rules.h"

#include <algorithm>
#include <cmath>

#include "../../kernels/philox.h"

namespace lrdist::cuda {
namespace {

// Linear weights: matrices other than the embedding tables.
bool mixed(const Layout& l, int32_t t) {
  return l.tensors[static_cast<size_t>(t)].shape.size() == 2 && t != l.word && t != l.position && t != l.type;
}

// Child-Tuning's: the encoder's layers.
bool masked(const Layout& l, int32_t t) { return t > l.embedding_norm_bias && t <= l.layers.back().norm2_bias; }

PenaltyRule rule_of(PenaltyKind kind) {
  switch (kind) {
    case PenaltyKind::l2_sp: return pull_l2_sp;
    case PenaltyKind::ewc: return pull_ewc;
    case PenaltyKind::recadam: return pull_recadam;
    default: return pull_none;
  }
}

TransformRule rule_of(TransformKind kind) {
  switch (kind) {
    case TransformKind::mixout: return transform_mixout;
    case TransformKind::child_free: return transform_child_free;
    case TransformKind::child_fisher: return transform_child_fisher;
    default: return transform_none;
  }
}

void set_draws(ReplicaRules& rules, double probability, uint64_t seed, uint32_t site) {
  const kernels::Dropout draw = kernels::make_dropout(probability, seed, 0, site);
  rules.threshold = draw.threshold;
  rules.scale = draw.scale;
  rules.key0 = draw.key0;
  rules.key1 = draw.key1;
  rules.site = site;
}

}  // namespace

std::vector<TensorFacts> tensor_facts(const Layout& layout, const Plan* plan) {
  std::vector<TensorFacts> facts;
  int64_t numbers = 0;
  for (int32_t t = 0; t < layout.count(); ++t) {
    const auto i = static_cast<size_t>(t);
    const TensorPlace& place = layout.tensors[i];
    const bool anchored = plan && (plan->anchored.empty() || (i < plan->anchored.size() && plan->anchored[i]));
    TensorFacts f{};
    f.offset = place.offset;
    f.columns = static_cast<int>(place.shape.back());
    f.group = plan && i < plan->group_of.size() ? plan->group_of[i] : -1;
    f.hash = name_hash(place.name);
    if (t == layout.word) f.flags |= tensor_word;
    if (anchored) f.flags |= tensor_anchored;
    if (anchored && masked(layout, t)) f.flags |= tensor_masked;
    if (anchored && mixed(layout, t)) {
      f.flags |= tensor_mixed;
      f.column_numbers = static_cast<int>(numbers);
      numbers += f.columns;
    }
    facts.push_back(f);
  }
  return facts;
}

int64_t mixed_columns(const std::vector<TensorFacts>& facts) {
  int64_t columns = 0;
  for (const TensorFacts& f : facts)
    if (f.flags & tensor_mixed) columns += f.columns;
  return columns;
}

std::vector<double> per_tensor(const Layout& layout, const Plan& plan, const std::vector<double>& per_group, int64_t replicas) {
  std::vector<double> values;
  for (int64_t k = 0; k < replicas; ++k) {
    for (size_t t = 0; t < static_cast<size_t>(layout.count()); ++t) {
      const int32_t group = t < plan.group_of.size() ? plan.group_of[t] : -1;
      values.push_back(group < 0 ? 0 : per_group[static_cast<size_t>(k * plan.groups + group)]);
    }
  }
  return values;
}

std::vector<ReplicaRules> replica_rules(const Plan& plan, uint64_t seed, int64_t replicas, const SlotRow& slot) {
  if (plan.penalties.empty() && plan.transforms.empty()) return {};
  std::vector<ReplicaRules> all;
  for (int64_t k = 0; k < replicas; ++k) {
    const auto values = [&](int64_t id) { return id < 0 ? nullptr : slot(id, k); };
    ReplicaRules r{};
    if (!plan.penalties.empty()) {
      const Penalty& p = plan.penalties[static_cast<size_t>(k)];
      r.penalty = rule_of(p.kind);
      r.strength = static_cast<float>(p.strength);
      r.head_strength = static_cast<float>(p.head_strength);
      r.anchor = values(p.anchor);
      r.fisher = values(p.fisher);
      r.slope = p.slope;
      r.midpoint = p.midpoint;
      r.constant = p.strength;
    }
    if (!plan.transforms.empty()) {
      const Transform& t = plan.transforms[static_cast<size_t>(k)];
      r.transform = rule_of(t.kind);
      r.mix_anchor = values(t.anchor);
      r.mask_fisher = values(t.fisher);
      if (t.kind == TransformKind::mixout) set_draws(r, t.probability, seed, kernels::site_mixout);
      if (t.kind == TransformKind::child_free) set_draws(r, 1 - t.probability, seed, kernels::site_child);
    }
    all.push_back(r);
  }
  const auto idle = [](const ReplicaRules& r) { return r.penalty == pull_none && r.transform == transform_none; };
  return std::all_of(all.begin(), all.end(), idle) ? std::vector<ReplicaRules>{} : all;
}

std::vector<long long> kept_elements(const Layout& layout, const std::vector<TensorFacts>& facts, const Plan& plan, int64_t replicas) {
  int64_t total = 0;
  for (size_t t = 0; t < facts.size(); ++t)
    if (facts[t].flags & tensor_masked) total += layout.tensors[t].size;
  std::vector<long long> kept;
  for (int64_t k = 0; k < replicas; ++k) {
    const double share = plan.transforms.empty() ? 1 : plan.transforms[static_cast<size_t>(k)].probability;
    kept.push_back(std::max<long long>(1, std::llround(share * static_cast<double>(total))));
  }
  return kept;
}

UpdateSettings update_settings(const Plan& plan, const Segment& segment) {
  UpdateSettings s{};
  s.beta1 = plan.beta1;
  s.beta2 = plan.beta2;
  s.clip_norm = segment.clip_norm;
  s.eps = static_cast<float>(plan.eps);
  s.beta2_f = static_cast<float>(plan.beta2);
  s.new1 = static_cast<float>(1 - plan.beta1);
  s.new2 = static_cast<float>(1 - plan.beta2);
  s.steps = segment.steps;
  s.stage_step = segment.step_offset - segment.stage_offset + 1;
  s.groups = segment.factors_per_group ? static_cast<int>(plan.groups) : 0;
  s.decoupled = plan.optimizer == Optimizer::adamw;
  return s;
}

std::vector<uint8_t> pulled_words(const Layout& layout, const Plan& plan, int64_t replicas) {
  const auto word = static_cast<size_t>(layout.word);
  const std::vector<double> rates = per_tensor(layout, plan, plan.rates, replicas);
  const bool anchored = tensor_facts(layout, &plan)[word].flags & tensor_anchored;
  std::vector<uint8_t> pulled(static_cast<size_t>(replicas), 0);
  for (size_t k = 0; k < plan.penalties.size(); ++k) {
    const Penalty& p = plan.penalties[k];
    const bool in_gradient = p.kind == PenaltyKind::l2_sp || p.kind == PenaltyKind::ewc;
    const auto strength = static_cast<float>(anchored ? p.strength : p.head_strength);
    pulled[k] = in_gradient && strength != 0 && rates[k * static_cast<size_t>(layout.count()) + word] != 0;
  }
  return pulled;
}

bool has_transform(const Plan& plan, TransformKind kind) {
  return std::any_of(plan.transforms.begin(), plan.transforms.end(), [&](const Transform& t) { return t.kind == kind; });
}

}  // namespace lrdist::cuda
