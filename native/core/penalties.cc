#include "penalties.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <cmath>

#include "profile.h"

namespace lrdist {

Regularizer::Regularizer(CpuEngine::State& state, const Learning& learning, int64_t replica, at::Tensor& mixed)
    : s_(state), learning_(learning), replica_(replica), mixed_(mixed) {
  const Plan& plan = *s_.plan;
  if (!plan.penalties.empty()) penalty_ = plan.penalties[static_cast<size_t>(replica)];
  if (!plan.transforms.empty()) transform_ = plan.transforms[static_cast<size_t>(replica)];
  // A slot released since setPlan is noticed here, before any step has begun.
  for (const int64_t slot : {penalty_.anchor, penalty_.fisher, transform_.anchor, transform_.fisher})
    if (slot >= 0) s_.slot(slot);
  if (penalty_.kind != PenaltyKind::none && learning_(s_.layout.word)) mark_pulled_rows();
  if (transform_.kind == TransformKind::child_fisher) threshold_ = fisher_threshold();
}

bool Regularizer::anchored(int64_t tensor) const {
  const std::vector<uint8_t>& flags = s_.plan->anchored;
  return flags.empty() || flags[static_cast<size_t>(tensor)] != 0;
}

// Linear weights: matrices other than the embedding tables.
bool Regularizer::mixed(int64_t tensor) const {
  const Layout& l = s_.layout;
  return anchored(tensor) && l.tensors[static_cast<size_t>(tensor)].shape.size() == 2 && tensor != l.word && tensor != l.position && tensor != l.type;
}

// Child-Tuning's, as published: the encoder's layers, not the embeddings with their norm, not the pooler and not what is new.
bool Regularizer::masked(int64_t tensor) const {
  return anchored(tensor) && tensor > s_.layout.embedding_norm_bias && tensor <= s_.layout.layers.back().norm2_bias;
}

// The optimizer skips word rows that never had a gradient. A pulled row has one from now on, unless it lies at its anchor and nothing else
// moves it, or all of its Fisher information is 0.
void Regularizer::mark_pulled_rows() {
  const int32_t word = s_.layout.word;
  const TensorPlace& place = s_.layout.tensors[static_cast<size_t>(word)];
  const Plan& plan = *s_.plan;
  const int32_t group = plan.group_of[static_cast<size_t>(word)];
  const bool decays = plan.decay[static_cast<size_t>(replica_ * plan.groups + group)] != 0;
  const bool recadam = penalty_.kind == PenaltyKind::recadam;
  if (recadam && (decays || !anchored(word))) return;  // its pull is no gradient: it needs no moments, and comes with the decay of the rows that are skipped
  const kernels::PullChunk chunk = recadam ? kernels::PullChunk{{}, 1, s_.slot_row(penalty_.anchor, replica_), nullptr} : pull(word);
  if (chunk.strength == 0) return;
  const float* w = s_.weights_of(replica_);
  const int64_t width = s_.layout.model.hidden;
  std::vector<uint8_t>& touched = s_.replicas[static_cast<size_t>(replica_)].touched;
  for (size_t row = 0; row < touched.size(); ++row) {
    const int64_t begin = place.offset + static_cast<int64_t>(row) * width, end = begin + width;
    const auto zero = [](float value) { return value == 0; };
    const bool known = !chunk.fisher || !std::all_of(chunk.fisher + begin, chunk.fisher + end, zero);
    if (!touched[row] && known && (decays || !chunk.anchor || !std::equal(w + begin, w + end, chunk.anchor + begin))) touched[row] = 1;
  }
}

// The value above which the largest share of the anchored encoder's Fisher diagonal lies.
float Regularizer::fisher_threshold() {
  std::vector<float> values;
  const float* fisher = s_.slot_row(transform_.fisher, replica_);
  for (int64_t t = 0; t < s_.layout.count(); ++t) {
    if (!masked(t)) continue;
    const TensorPlace& place = s_.layout.tensors[static_cast<size_t>(t)];
    values.insert(values.end(), fisher + place.offset, fisher + place.offset + place.size);
  }
  const auto kept = std::max<size_t>(1, static_cast<size_t>(std::llround(transform_.probability * static_cast<double>(values.size()))));
  std::nth_element(values.begin(), values.begin() + static_cast<int64_t>(kept - 1), values.end(), std::greater<>());
  return values[kept - 1];
}

const float* Regularizer::effective_weights(int64_t step) {
  const profile::Phase phase("regularizer");
  float* own = s_.weights_of(replica_);
  if (transform_.kind != TransformKind::mixout) return own;
  if (!mixed_.defined()) {
    require_memory(s_.layout.size * 4, "the mixed weights");
    mixed_ = at::empty({s_.layout.size});
  }
  const float* anchor = s_.slot_row(transform_.anchor, replica_);
  const kernels::Dropout draw = kernels::make_dropout(transform_.probability, s_.spec.seed, step, kernels::site_mixout);
  float* out = mixed_.mutable_data_ptr<float>();
  for (int64_t t = 0; t < s_.layout.count(); ++t) {
    const TensorPlace& place = s_.layout.tensors[static_cast<size_t>(t)];
    if (mixed(t)) kernels::mix(out + place.offset, own + place.offset, anchor + place.offset, place.shape[0], place.shape[1], draw, name_hash(place.name));
    else kernels::copy(out + place.offset, own + place.offset, place.size);
  }
  return out;
}

void Regularizer::finish_gradient(int64_t step) {
  const profile::Phase phase("regularizer");
  if (transform_.kind != TransformKind::mixout) return;
  const kernels::Dropout draw = kernels::make_dropout(transform_.probability, s_.spec.seed, step, kernels::site_mixout);
  for (int32_t t = 0; t < s_.layout.count(); ++t) {
    if (!mixed(t) || !learning_(t) || !s_.gradients.written(t)) continue;
    const TensorPlace& place = s_.layout.tensors[static_cast<size_t>(t)];
    kernels::keep_columns(s_.gradients.mutable_data() + place.offset, place.shape[0], place.shape[1], draw, name_hash(place.name));
  }
}

// What L2-SP and EWC do to a tensor; strength 0 where they do nothing. Without its range.
kernels::PullChunk Regularizer::pull(int64_t tensor) {
  kernels::PullChunk chunk{};
  if (penalty_.kind != PenaltyKind::l2_sp && penalty_.kind != PenaltyKind::ewc) return chunk;
  if (!anchored(tensor)) {
    chunk.strength = static_cast<float>(penalty_.head_strength);
    return chunk;
  }
  chunk.strength = static_cast<float>(penalty_.strength);
  chunk.anchor = s_.slot_row(penalty_.anchor, replica_);
  if (penalty_.kind == PenaltyKind::ewc) chunk.fisher = s_.slot_row(penalty_.fisher, replica_);
  return chunk;
}

double Regularizer::add_penalty(const std::vector<uint8_t>& updated) {
  const profile::Phase phase("regularizer");
  const int32_t word = s_.layout.word;
  if (updated[static_cast<size_t>(word)] && pull(word).strength != 0) s_.gradients.add_word_rows(s_.replicas[static_cast<size_t>(replica_)].touched);
  std::vector<kernels::PullChunk> chunks;
  for (int32_t t = 0; t < s_.layout.count(); ++t) {
    if (!updated[static_cast<size_t>(t)]) continue;
    kernels::PullChunk chunk = pull(t);
    s_.gradients.for_ranges(t, [&](const kernels::Range& range) {
      chunk.range = range;
      chunks.push_back(chunk);
    });
  }
  return kernels::pull_gradient(s_.gradients.mutable_data(), s_.weights_of(replica_), chunks);
}

void Regularizer::mask_gradient(const std::vector<uint8_t>& updated, int64_t step) {
  const profile::Phase phase("regularizer");
  if (transform_.kind != TransformKind::child_free && transform_.kind != TransformKind::child_fisher) return;
  const kernels::Dropout draw = kernels::make_dropout(1 - transform_.probability, s_.spec.seed, step, kernels::site_child);
  for (int32_t t = 0; t < s_.layout.count(); ++t) {
    if (!updated[static_cast<size_t>(t)] || !masked(t)) continue;
    const TensorPlace& place = s_.layout.tensors[static_cast<size_t>(t)];
    float* g = s_.gradients.mutable_data() + place.offset;
    if (transform_.kind == TransformKind::child_free) kernels::keep_elements(g, place.size, draw, name_hash(place.name));
    else kernels::keep_above(g, s_.slot_row(transform_.fisher, replica_) + place.offset, threshold_, place.size);
  }
}

Annealing Regularizer::annealing(int64_t stage_step) {
  Annealing a;
  if (penalty_.kind != PenaltyKind::recadam) return a;
  a.task = 1 / (1 + std::exp(-penalty_.slope * (static_cast<double>(stage_step) - penalty_.midpoint)));
  a.pull = (1 - a.task) * penalty_.strength;
  a.anchor = s_.slot_row(penalty_.anchor, replica_);
  return a;
}

}  // namespace lrdist
