// Evaluation: every replica over the same packed batches, rows sorted by length, dropout off.
#include <c10/core/InferenceMode.h>

#include <algorithm>

#include "evaluation.h"
#include "heads.h"
#include "prefix.h"
#include "profile.h"
#include "state.h"

namespace lrdist {
namespace {

// Equal replicas share all of it; what the plan freezes may be stored.
SharedPrefix share_encoder(CpuEngine::State& state) {
  state.prefix_classes.find(state.layout, state.weights_of(0), state.count());
  std::vector<int64_t> ends, frozen;
  for (int64_t k = 0; k < state.count(); ++k) {
    ends.push_back(state.layout.model.layers + 1);
    frozen.push_back(state.frozen_depth(k));
  }
  return SharedPrefix(state.prefix_classes, ends, frozen, &state.prefix_store);
}

}  // namespace

std::vector<float> CpuEngine::evaluate(const Evaluation& e) {
  const c10::InferenceMode guard;
  const profile::Phase job("evaluate");
  State& s = *state_;
  s.need_weights();
  const Ragged& data = s.dataset(e.dataset);
  const HeadSpec& head = s.layout.head_specs[static_cast<size_t>(e.head)];
  const bool masked_lm = head.kind == HeadKind::masked_lm;
  if (masked_lm && e.want == Want::logits) throw Error("ERR_INVALID_OPTION", "want: a masked-lm head gives losses, not logits");
  const Product product = s.product();
  const int64_t h = s.layout.model.hidden, layers = s.layout.model.layers;

  const std::vector<int32_t> rows = rows_of(e, data);
  const int64_t width = result_width(s.layout, e), count = static_cast<int64_t>(rows.size());
  require_memory(s.count() * count * width * 4, "the results of the evaluation");
  std::vector<float> result(static_cast<size_t>(s.count() * count * width));

  SharedPrefix prefix = share_encoder(s);
  const DatasetRef dataset{e.dataset, data};
  for (const std::vector<int32_t>& places : batches_by_length(data, rows, e.batch_tokens)) {
    std::vector<int32_t> chosen;
    for (const int32_t place : places) chosen.push_back(rows[place]);
    Batch batch = make_batch(data, chosen.data(), static_cast<int64_t>(chosen.size()), 0, chosen.data());
    if (masked_lm && e.want == Want::losses) mask_tokens(batch, e.masking, s.layout.model.vocab, s.spec.seed, evaluation_step);
    if (batch.wanted.count() == 0) continue;  // no masked token: losses stay zero
    s.peak_activations = std::max(s.peak_activations, activation_bytes(s.layout, batch.padded(), false) + batch.padded() * prefix.bytes_per_token(s.layout.model));
    prefix.begin(1);
    for (int64_t k = 0; k < s.count(); ++k) {
      if (stop.load()) throw Error("ERR_STOPPED", "the evaluation was stopped");
      const Pass pass = s.pass(product, k, s.weights_of(k), evaluation_step, false);
      std::vector<float> states;
      const bool whole = e.want == Want::layers;
      const at::Tensor y = prefix.take(pass, batch, 0, k, whole || masked_lm ? nullptr : &dataset, whole ? &states : nullptr).x;
      const auto out = [&](size_t i) { return result.data() + (k * count + places[i]) * width; };
      if (e.want == Want::layers) {
        for (int64_t l = 0; l <= layers; ++l)
          for (size_t i = 0; i < places.size(); ++i) std::copy_n(states.data() + (l * batch.rows() + static_cast<int64_t>(i)) * h, h, out(i) + l * h);
      } else if (e.want == Want::cls) {
        for (size_t i = 0; i < places.size(); ++i) std::copy_n(y.const_data_ptr<float>() + static_cast<int64_t>(i) * h, h, out(i));
      } else if (e.want == Want::logits) {
        const std::vector<float> logits = classification_logits(pass, batch, e.head, y);
        for (size_t i = 0; i < places.size(); ++i) std::copy_n(logits.data() + static_cast<int64_t>(i) * width, width, out(i));
      } else {
        const std::vector<float> losses = head_losses(pass, batch, {e.head, e.loss}, y);
        for (size_t i = 0; i < places.size(); ++i) {
          if (!masked_lm) {
            *out(i) = losses[i];
            continue;
          }
          const int32_t begin = batch.wanted.cu[i], end = batch.wanted.cu[i + 1];
          double sum = 0;
          for (int32_t j = begin; j < end; ++j) sum += losses[static_cast<size_t>(j)];
          out(i)[0] = static_cast<float>(sum);
          out(i)[1] = static_cast<float>(end - begin);
        }
      }
    }
  }
  return result;
}

}  // namespace lrdist
