#include "update_reference.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "check.h"
#include "kernels/kernels.h"

namespace lrdist::check {
namespace {

Layout make_layout(const UpdateCase& c) {
  Layout layout({c.vocab, 8, 2, c.hidden, 1, 2, 3 * c.hidden / 2, 1e-12, 0, 0, true});
  layout.add_head({"a", HeadKind::classification, 3, true, 0});
  layout.add_head({"m", HeadKind::masked_lm, 0, false, 0});
  return layout;
}

Plan make_plan(const UpdateCase& c, const Layout& layout) {
  Plan plan{};
  plan.groups = 3;
  for (int32_t t = 0; t < layout.count(); ++t) {
    plan.group_of.push_back(t <= layout.embedding_norm_bias ? 0 : t <= layout.layers[0].norm2_bias ? 1 : 2);
    if (c.anchored != Anchored::all) plan.anchored.push_back(t <= layout.pooler_bias && (c.anchored == Anchored::body || t > layout.type));
  }
  plan.group_of[static_cast<size_t>(layout.pooler)] = -1;
  for (int64_t k = 0; k < c.replicas; ++k) {
    for (int64_t group = 0; group < 3; ++group) {
      plan.rates.push_back(c.freeze && (k + group) % 3 == 2 ? 0 : 0.01 * static_cast<double>(1 + group + k));
      plan.decay.push_back(k == 1 ? 0 : c.decay * static_cast<double>(1 + group));
    }
  }
  plan.optimizer = c.optimizer;
  plan.beta1 = 0.9;
  plan.beta2 = 0.999;
  plan.eps = 1e-3;  // large: gradients near 0, which a pull cancels, are not the same to the last bit
  plan.penalties = c.penalties;
  plan.transforms = c.transforms;
  return plan;
}

}  // namespace

UpdateReference::UpdateReference(const UpdateCase& c)
    : layout(make_layout(c)), plan(make_plan(c, layout)), replicas(c.replicas), case_(c), gradients_(layout) {
  const int64_t size = layout.size, all = replicas * size;
  weights = random_floats(static_cast<size_t>(all), 1, 0.05f);
  first.assign(static_cast<size_t>(all), 0);
  second = first;
  counts.assign(static_cast<size_t>(replicas), std::vector<int64_t>(static_cast<size_t>(layout.count()), 0));
  touched.assign(static_cast<size_t>(replicas), std::vector<uint8_t>(static_cast<size_t>(c.vocab), 0));
  alive.assign(static_cast<size_t>(replicas), 1);
  mixed.assign(static_cast<size_t>(all), 0);
  slots_ = {random_floats(static_cast<size_t>(all), 2, 0.05f), random_floats(static_cast<size_t>(size), 3, 0.05f), random_floats(static_cast<size_t>(all), 4)};
  for (float& f : slots_[2]) f = std::max(f, 0.0f);
  // Some word rows lie at their anchor, some have no information.
  for (int64_t k = 0; k < replicas; ++k) {
    for (int64_t row = 0; row < c.vocab; ++row) {
      const int64_t begin = k * size + row * c.hidden;
      if (row % 3 == 0) std::copy_n(weights.begin() + begin, c.hidden, slots_[0].begin() + begin);
      if (row % 4 == 0) std::fill_n(slots_[2].begin() + begin, c.hidden, 0.0f);
    }
  }
}

Segment UpdateReference::segment(int64_t index) {
  // The third one has the first one's steps and other rates, none of them 0.
  if (index == 2)
    for (double& rate : plan.rates) rate = rate == 0 ? 0.003 : rate / 2;
  Segment segment{};
  segment.steps = steps;
  segment.clip_norm = case_.clip;
  segment.factors_per_group = case_.factors_per_group;
  segment.step_offset = 40 + steps * (index % 2);
  segment.stage_offset = 38;
  const int64_t factors = replicas * steps * (case_.factors_per_group ? plan.groups : 1);
  for (int64_t i = 0; i < factors; ++i) segment.factors.push_back(static_cast<double>((7 * i + index) % 5) / 4);
  return segment;
}

StepInput UpdateReference::input(const Segment& segment, int64_t segment_step, bool first_segment) {
  StepInput in{segment.step_offset + segment_step, segment_step, case_.dense_steps && segment_step % 2 == 1, {}, {}, {}, {}};
  const HeadTensors &head = layout.heads[0], &language = layout.heads[1];
  in.written.assign(static_cast<size_t>(layout.count()), 1);
  std::vector<int32_t> without{language.transform, language.transform_bias, language.norm, language.norm_bias, language.bias};
  if (in.dense) without = {head.weight, head.bias, layout.pooler, layout.pooler_bias};
  for (const int32_t t : without) in.written[static_cast<size_t>(t)] = 0;
  for (int64_t i = 0; i < 9; ++i) in.ids.push_back(static_cast<int32_t>((in.step * 31 + i * i * 7 + first_segment) % layout.model.vocab));
  for (int64_t k = 0; k < replicas; ++k) {
    const bool bad = first_segment && k == case_.bad_replica && segment_step == case_.bad_step;
    in.loss.push_back(bad && case_.bad_loss ? std::numeric_limits<double>::infinity() : 0.5 + static_cast<double>(k) + 0.1 * static_cast<double>(in.step));
    in.gradients.push_back(random_floats(static_cast<size_t>(layout.size), static_cast<uint64_t>(1000 * in.step + k), 0.1f));
    if (bad && !case_.bad_loss)
      in.gradients.back()[static_cast<size_t>(layout.tensors[static_cast<size_t>(layout.layers[0].up)].offset + 3)] = std::numeric_limits<float>::quiet_NaN();
  }
  return in;
}

bool UpdateReference::is_mixed(int64_t t) const {
  return anchored(t) && layout.tensors[static_cast<size_t>(t)].shape.size() == 2 && t != layout.word && t != layout.position && t != layout.type;
}

kernels::PullChunk UpdateReference::pull(int64_t k, int64_t t) const {
  const Penalty p = penalty(k);
  if (p.kind != PenaltyKind::l2_sp && p.kind != PenaltyKind::ewc) return {};
  if (!anchored(t)) return {{}, static_cast<float>(p.head_strength), nullptr, nullptr};
  return {{}, static_cast<float>(p.strength), slot(p.anchor, k), p.kind == PenaltyKind::ewc ? slot(p.fisher, k) : nullptr};
}

void UpdateReference::mark_rows(int64_t k) {
  const Penalty p = penalty(k);
  const int64_t width = layout.model.hidden;
  const bool decays = plan.decay[static_cast<size_t>(k * plan.groups)] != 0, recadam = p.kind == PenaltyKind::recadam;
  if (recadam && (decays || !anchored(layout.word))) return;
  const kernels::PullChunk chunk = recadam ? kernels::PullChunk{{}, 1, slot(p.anchor, k), nullptr} : pull(k, layout.word);
  if (chunk.strength == 0) return;
  for (int64_t row = 0; row < layout.model.vocab; ++row) {
    const float* w = weights.data() + k * layout.size + row * width;
    const bool known = !chunk.fisher || std::any_of(chunk.fisher + row * width, chunk.fisher + (row + 1) * width, [](float f) { return f != 0; });
    const bool moves = decays || !chunk.anchor || !std::equal(w, w + width, chunk.anchor + row * width);
    if (known && moves) touched[static_cast<size_t>(k)][static_cast<size_t>(row)] = 1;
  }
}

void UpdateReference::begin_segment(const Segment&) {
  non_finite.clear();
  for (int64_t k = 0; k < replicas; ++k) {
    non_finite.push_back(alive[static_cast<size_t>(k)] ? -1 : 0);
    if (penalty(k).kind != PenaltyKind::none && learning_of(layout, plan, k)(layout.word)) mark_rows(k);
  }
}

std::vector<uint8_t> UpdateReference::learning() const {
  std::vector<uint8_t> any(static_cast<size_t>(layout.count()), 0);
  for (int64_t k = 0; k < replicas; ++k) {
    const Learning own = learning_of(layout, plan, k);
    for (size_t t = 0; t < any.size(); ++t) any[t] |= own.tensor[t];
  }
  return any;
}

float UpdateReference::threshold(int64_t k) const {
  std::vector<float> values;
  for (int64_t t = 0; t < layout.count(); ++t) {
    const TensorPlace& place = layout.tensors[static_cast<size_t>(t)];
    const float* fisher = slot(transform(k).fisher, k) + place.offset;
    if (masked(t)) values.insert(values.end(), fisher, fisher + place.size);
  }
  std::sort(values.begin(), values.end(), std::greater<>());
  return values[static_cast<size_t>(std::max<long long>(1, std::llround(transform(k).probability * static_cast<double>(values.size())))) - 1];
}

void UpdateReference::mix(int64_t k, int64_t step) {
  const float* own = weights.data() + k * layout.size;
  float* out = mixed.data() + k * layout.size;
  std::copy_n(own, layout.size, out);
  const Transform draws = transform(k);
  if (draws.kind != TransformKind::mixout) return;
  const kernels::Dropout draw = kernels::make_dropout(draws.probability, seed, step, kernels::site_mixout);
  for (int64_t t = 0; t < layout.count(); ++t) {
    const TensorPlace& place = layout.tensors[static_cast<size_t>(t)];
    if (is_mixed(t))
      kernels::mix(out + place.offset, own + place.offset, slot(draws.anchor, k) + place.offset, place.shape[0], place.shape[1], draw, name_hash(place.name));
  }
}

void UpdateReference::fill(const StepInput& in, const Learning& learning, int64_t k) {
  const std::vector<float>& g = in.gradients[static_cast<size_t>(k)];
  const int64_t width = layout.model.hidden;
  gradients_.begin_step();
  for (int32_t t = 0; t < layout.count(); ++t) {
    const TensorPlace& place = layout.tensors[static_cast<size_t>(t)];
    if (!in.written[static_cast<size_t>(t)] || !learning(t)) continue;
    if (t != layout.word) std::copy_n(g.begin() + place.offset, place.size, gradients_.target(t).data);
    else if (in.dense) std::copy_n(g.begin() + place.offset, place.size, gradients_.word_dense().data);
    else {
      float* table = gradients_.word_table(in.ids);
      for (const int32_t id : in.ids) std::copy_n(g.begin() + place.offset + id * width, width, table + id * width);
    }
  }
}

void UpdateReference::mask(const std::vector<uint8_t>& updated, int64_t k, int64_t step) {
  const Transform t = transform(k);
  if (t.kind != TransformKind::child_free && t.kind != TransformKind::child_fisher) return;
  const kernels::Dropout draw = kernels::make_dropout(1 - t.probability, seed, step, kernels::site_child);
  const float least = t.kind == TransformKind::child_fisher ? threshold(k) : 0;
  for (int64_t i = 0; i < layout.count(); ++i) {
    if (!updated[static_cast<size_t>(i)] || !masked(i)) continue;
    const TensorPlace& place = layout.tensors[static_cast<size_t>(i)];
    float* g = gradients_.mutable_data() + place.offset;
    if (t.kind == TransformKind::child_free) kernels::keep_elements(g, place.size, draw, name_hash(place.name));
    else kernels::keep_above(g, slot(t.fisher, k) + place.offset, least, place.size);
  }
}

void UpdateReference::step(const Segment& segment, const StepInput& in) {
  losses.assign(static_cast<size_t>(replicas), std::numeric_limits<float>::quiet_NaN());
  norms = losses;
  gradients.assign(weights.size(), std::numeric_limits<float>::quiet_NaN());
  for (int64_t k = 0; k < replicas; ++k) {
    const auto i = static_cast<size_t>(k);
    if (!alive[i]) continue;
    mix(k, in.step);
    const Learning learning = learning_of(layout, plan, k);
    fill(in, learning, k);
    const std::vector<uint8_t> updated = updated_tensors(layout, learning, gradients_);
    const Transform draws = transform(k);
    const kernels::Dropout columns = kernels::make_dropout(draws.probability, seed, in.step, kernels::site_mixout);
    if (updated[static_cast<size_t>(layout.word)] && pull(k, layout.word).strength != 0) gradients_.add_word_rows(touched[i]);
    std::vector<kernels::PullChunk> chunks;
    for (int32_t t = 0; t < layout.count(); ++t) {
      if (!updated[static_cast<size_t>(t)]) continue;
      const TensorPlace& place = layout.tensors[static_cast<size_t>(t)];
      if (draws.kind == TransformKind::mixout && is_mixed(t))
        kernels::keep_columns(gradients_.mutable_data() + place.offset, place.shape[0], place.shape[1], columns, name_hash(place.name));
      kernels::PullChunk chunk = pull(k, t);
      gradients_.for_ranges(t, [&](const kernels::Range& range) {
        chunk.range = range;
        chunks.push_back(chunk);
      });
    }
    const double norm = std::sqrt(kernels::pull_gradient(gradients_.mutable_data(), weights.data() + k * layout.size, chunks));
    losses[i] = static_cast<float>(in.loss[i]);
    norms[i] = static_cast<float>(norm);
    if (!std::isfinite(in.loss[i]) || !std::isfinite(norm)) {
      alive[i] = 0;
      non_finite[i] = static_cast<int>(in.segment_step);
      continue;
    }
    const double clip = segment.clip_norm > 0 ? std::min(1.0, segment.clip_norm / (norm + 1e-6)) : 1;
    mask(updated, k, in.step);
    for (size_t t = 0; t < updated.size(); ++t) {
      const TensorPlace& place = layout.tensors[t];
      if (updated[t]) std::copy_n(gradients_.data() + place.offset, place.size, gradients.begin() + k * layout.size + place.offset);
    }
    Annealing annealing;
    if (const Penalty p = penalty(k); p.kind == PenaltyKind::recadam) {
      annealing.task = 1 / (1 + std::exp(-p.slope * (static_cast<double>(in.step - segment.stage_offset + 1) - p.midpoint)));
      annealing.pull = (1 - annealing.task) * p.strength;
      annealing.anchor = slot(p.anchor, k);
    }
    const int64_t factors = segment.factors_per_group ? plan.groups : 1;
    Moments moments{first.data() + k * layout.size, second.data() + k * layout.size, counts[i], touched[i]};
    optimizer_step(layout, plan, k, learning, gradients_, segment.factors.data() + (k * segment.steps + in.segment_step) * factors,
                   segment.factors_per_group, clip, annealing, weights.data() + k * layout.size, moments);
    counts[i] = moments.steps;
    touched[i] = moments.touched;
  }
}

}  // namespace lrdist::check
