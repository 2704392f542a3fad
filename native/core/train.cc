// A segment: optimizer steps over packed micro-batches, every replica on the same batches with the same masks.
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "heads.h"
#include "late_rows.h"
#include "penalties.h"
#include "prefix.h"
#include "profile.h"
#include "state.h"

namespace lrdist {
namespace {

struct MicroBatch {
  Batch batch;
  const Part* part;
  double weight;
};

// The micro-batches of one step. `next` is the first batch not yet used.
std::vector<MicroBatch> step_batches(const CpuEngine::State& state, const Segment& segment, int64_t step, size_t& next);

// The segment's forward passes through frozen blocks. Dropout leaves each row's states other in each step.
SharedPrefix share_prefix(CpuEngine::State& state, const std::vector<int64_t>& lowest, bool dropout);

// The replica's block of a distillation part's targets.
const float* teacher(const CpuEngine::State& state, const Part& part, int64_t replica) {
  if (part.targets.empty()) return nullptr;
  return part.targets.data() + replica * (static_cast<int64_t>(part.targets.size()) / state.count());
}

}  // namespace

// Stops inside a step leave no trace: nothing was updated yet for this replica, but earlier replicas may have moved on. So a stop
// is honoured between steps, where all replicas stand at the same one.
SegmentResult CpuEngine::train(const Segment& segment, const std::function<void(StepEvent&&)>& on_step) {
  const c10::InferenceMode guard;
  const profile::Phase job("train");
  State& s = *state_;
  if (!s.plan) throw Error("ERR_INVALID_OPTION", "train: setPlan comes first (and again after setReplicas)");
  s.need_weights();
  s.need_moments();
  const Plan& plan = *s.plan;
  const Product product = s.product();
  const int64_t replicas = s.count();
  const float nan = std::numeric_limits<float>::quiet_NaN();

  std::vector<Learning> learning;
  std::vector<int64_t> lowest;
  std::vector<Regularizer> regularizers;
  at::Tensor mixed;
  learning.reserve(static_cast<size_t>(replicas));  // regularizers keep references
  for (int64_t k = 0; k < replicas; ++k) {
    learning.push_back(learning_of(s.layout, plan, k));
    lowest.push_back(lowest_learning(s.layout, learning.back()));
    regularizers.emplace_back(s, learning.back(), k, mixed);
  }

  const bool frozen_dropout = segment.dropout && segment.frozen_dropout;
  SharedPrefix prefix = share_prefix(s, lowest, frozen_dropout && (s.spec.model.hidden_dropout > 0 || s.spec.model.attention_dropout > 0));

  std::vector<std::unique_ptr<LateRows>> late(static_cast<size_t>(replicas));
  for (int64_t k = 0; k < replicas; ++k)
    if (may_be_late(s.layout, plan, learning[k], k, segment.parts)) late[k] = std::make_unique<LateRows>(s, k);

  SegmentResult result{};
  result.losses.assign(static_cast<size_t>(replicas * segment.steps), nan);
  result.grad_norms.assign(static_cast<size_t>(replicas * segment.steps), nan);
  for (int64_t k = 0; k < replicas; ++k) result.non_finite.push_back(s.replicas[k].finite ? -1 : 0);

  size_t next = 0;
  for (int64_t step = 0; step < segment.steps; ++step) {
    if (stop.load()) {
      result.stopped = true;
      break;
    }
    if (std::none_of(s.replicas.begin(), s.replicas.end(), [](const ReplicaState& r) { return r.finite; })) break;
    const int64_t global_step = segment.step_offset + step;
    const profile::Phase step_phase("step");
    profile::at(global_step, -1);
    std::vector<MicroBatch> batches = step_batches(s, segment, step, next);
    for (MicroBatch& b : batches) {
      if (b.part->loss == Loss::masked_lm) mask_tokens(b.batch, b.part->masking, s.layout.model.vocab, s.spec.seed, global_step);
      result.tokens += b.batch.tokens();
      const int64_t bytes = activation_bytes(s.layout, b.batch.padded(), true) + b.batch.padded() * prefix.bytes_per_token(s.layout.model);
      if (bytes > s.peak_activations) {
        require_memory(bytes, "the activations of " + std::to_string(b.batch.tokens()) + " tokens");
        s.peak_activations = bytes;
      }
    }
    StepEvent event{step + 1, result.tokens, std::vector<float>(static_cast<size_t>(replicas), nan), std::vector<float>(static_cast<size_t>(replicas), nan)};
    prefix.begin(batches.size());
    for (int64_t k = 0; k < replicas; ++k) {
      ReplicaState& replica = s.replicas[k];
      if (!replica.finite) continue;
      profile::at(global_step, k);
      s.gradients.begin_step();
      Regularizer& regularizer = regularizers[static_cast<size_t>(k)];
      const Pass pass = s.pass(product, k, regularizer.effective_weights(global_step), global_step, segment.dropout);
      Pass frozen = pass;
      frozen.dropout = frozen_dropout;
      double loss = 0;
      for (size_t i = 0; i < batches.size(); ++i) {
        const MicroBatch& b = batches[i];
        if (b.batch.wanted.count() == 0) continue;  // no masked token
        if (late[k]) late[k]->need(b.batch.ids);
        EncoderActivations kept;
        const DatasetRef dataset{b.part->dataset, s.dataset(b.part->dataset)};
        const HiddenStates start = prefix.take(frozen, b.batch, i, k, b.part->loss == Loss::masked_lm ? nullptr : &dataset);
        const at::Tensor y = encoder_forward(pass, b.batch, {lowest[k], nullptr, start}, kept);
        const HeadTask task{b.part->head, b.part->loss, b.part->label_smoothing, false, teacher(s, *b.part, k), b.part->temperature};
        HeadGradient head = head_backward(pass, b.batch, task, y, b.weight, learning[k], s.gradients);
        double sum = 0;
        for (const float l : head.losses) sum += l;
        loss += b.weight * sum / static_cast<double>(head.losses.size());
        if (head.dy_NH.defined()) encoder_backward(pass, b.batch, kept, std::move(head.dy_NH), learning[k], s.gradients);
      }
      regularizer.finish_gradient(global_step);
      const std::vector<uint8_t> updated = updated_tensors(s.layout, learning[k], s.gradients);
      const double norm = std::sqrt(regularizer.add_penalty(updated));
      event.losses[k] = static_cast<float>(loss);
      event.grad_norms[k] = static_cast<float>(norm);
      if (!std::isfinite(loss) || !std::isfinite(norm)) {
        replica.finite = false;
        result.non_finite[k] = static_cast<int32_t>(step);
        continue;
      }
      const double clip = segment.clip_norm > 0 ? std::min(1.0, segment.clip_norm / (norm + 1e-6)) : 1.0;
      const int64_t per_step = segment.factors_per_group ? plan.groups : 1;
      regularizer.mask_gradient(updated, global_step);
      Moments moments{s.first.mutable_data_ptr<float>() + k * s.layout.size, s.second.mutable_data_ptr<float>() + k * s.layout.size, std::move(replica.steps),
                      std::move(replica.touched)};
      optimizer_step(s.layout, plan, k, learning[k], s.gradients, segment.factors.data() + (k * segment.steps + step) * per_step, segment.factors_per_group, clip,
                     regularizer.annealing(global_step - segment.stage_offset + 1), s.weights_of(k), moments, s.low.target(s.layout, k),
                     late[k].get());
      replica.steps = std::move(moments.steps);
      replica.touched = std::move(moments.touched);
    }
    for (int64_t k = 0; k < replicas; ++k) {
      result.losses[k * segment.steps + step] = event.losses[k];
      result.grad_norms[k * segment.steps + step] = event.grad_norms[k];
    }
    result.steps = step + 1;
    on_step(std::move(event));
  }
  return result;
}

namespace {

SharedPrefix share_prefix(CpuEngine::State& state, const std::vector<int64_t>& lowest, bool dropout) {
  state.prefix_classes.find(state.layout, state.weights_of(0), state.count());
  std::vector<int64_t> depths;
  for (const int64_t place : lowest) depths.push_back(place + 1);
  for (int64_t k = 0; k < state.count(); ++k) state.prefix_classes.detach(k, depths[static_cast<size_t>(k)]);
  state.prefix_store.keep_only(state.prefix_classes);
  PrefixClasses classes = state.prefix_classes;
  std::vector<int64_t> kept = depths;
  for (int64_t k = 0; k < state.count(); ++k) {
    const bool mixout = !state.plan->transforms.empty() && state.plan->transforms[static_cast<size_t>(k)].kind == TransformKind::mixout;
    if (!mixout) continue;  // its frozen weights are mixed anew in every step
    classes.detach(k, 0);
    kept[static_cast<size_t>(k)] = 0;
  }
  return SharedPrefix(classes, depths, kept, dropout ? nullptr : &state.prefix_store);
}

std::vector<MicroBatch> step_batches(const CpuEngine::State& state, const Segment& segment, int64_t step, size_t& next) {
  const profile::Phase phase("batch");
  std::vector<MicroBatch> batches;
  int64_t slot = 0;
  for (; next < segment.batch_step.size() && segment.batch_step[next] == step; ++next) {
    const Part& part = segment.parts[static_cast<size_t>(segment.batch_part[next])];
    const int32_t begin = segment.row_offsets[next], count = segment.row_offsets[next + 1] - begin;
    batches.push_back({make_batch(state.dataset(part.dataset), segment.rows.data() + begin, count, slot), &part, segment.weights[next]});
    slot += count;
  }
  return batches;
}

}  // namespace

}  // namespace lrdist
