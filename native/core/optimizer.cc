#include "optimizer.h"

#include <algorithm>
#include <cmath>

#include "late_rows.h"
#include "profile.h"

namespace lrdist {
namespace {

using kernels::AdamChunk;

void add_range(std::vector<AdamChunk>& chunks, AdamChunk chunk, int64_t begin, int64_t end) {
  for_pieces({begin, end}, [&](const kernels::Range& piece) {
    chunk.begin = piece.begin;
    chunk.end = piece.end;
    chunks.push_back(chunk);
  });
}

// Calls f(begin row, end row) for every run of rows whose flag is `value`.
template <class F>
void for_runs(const std::vector<uint8_t>& flags, bool value, const F& f) {
  const auto n = static_cast<int64_t>(flags.size());
  for (int64_t row = 0; row < n;) {
    if ((flags[row] != 0) != value) {
      ++row;
      continue;
    }
    const int64_t begin = row;
    while (row < n && (flags[row] != 0) == value) ++row;
    f(begin, row);
  }
}

}  // namespace

Learning learning_of(const Layout& layout, const Plan& plan, int64_t replica) {
  Learning learning;
  learning.tensor.resize(static_cast<size_t>(layout.count()), 0);
  for (int64_t t = 0; t < layout.count(); ++t) {
    const int32_t group = t < static_cast<int64_t>(plan.group_of.size()) ? plan.group_of[t] : -1;
    learning.tensor[t] = group >= 0 && plan.rates[replica * plan.groups + group] != 0;
  }
  return learning;
}

std::vector<uint8_t> updated_tensors(const Layout& layout, const Learning& learning, const Gradients& gradients) {
  std::vector<uint8_t> tensors(static_cast<size_t>(layout.count()));
  for (int32_t t = 0; t < layout.count(); ++t) tensors[static_cast<size_t>(t)] = learning(t) && gradients.written(t);
  return tensors;
}

kernels::AdamSettings adam_settings(const Plan& plan, double clip) {
  return {static_cast<float>(plan.beta2),     static_cast<float>(plan.eps),       static_cast<float>(clip),
          static_cast<float>(1 - plan.beta1), static_cast<float>(1 - plan.beta2), plan.optimizer == Optimizer::adamw};
}

void optimizer_step(const Layout& layout, const Plan& plan, int64_t replica, const Learning& learning, const Gradients& gradients, const double* factors,
                    bool factors_per_group, double clip, const Annealing& annealing, float* weights, Moments& moments, const kernels::LowTarget& low, LateRows* late) {
  const profile::Phase phase("optimizer");
  const bool decoupled = plan.optimizer == Optimizer::adamw;
  std::vector<AdamChunk> chunks;
  for (int32_t t = 0; t < layout.count(); ++t) {
    if (!learning(t) || !gradients.written(t)) continue;
    const TensorPlace& place = layout.tensors[static_cast<size_t>(t)];
    const int32_t group = plan.group_of[static_cast<size_t>(t)];
    const double lr = plan.rates[replica * plan.groups + group] * factors[factors_per_group ? group : 0];
    const double weight_decay = plan.decay[replica * plan.groups + group];
    const auto step = static_cast<double>(++moments.steps[static_cast<size_t>(t)]);
    AdamChunk chunk{};
    chunk.lr = static_cast<float>(lr);
    chunk.step_size = static_cast<float>(lr / (1 - std::pow(plan.beta1, step)));
    chunk.bias2_sqrt = static_cast<float>(std::sqrt(1 - std::pow(plan.beta2, step)));
    chunk.decay = static_cast<float>(weight_decay);
    if (annealing.anchor && (plan.anchored.empty() || plan.anchored[static_cast<size_t>(t)])) {
      chunk.step_size *= static_cast<float>(annealing.task);
      chunk.pull = static_cast<float>(std::min(1.0, lr * annealing.pull));  // beyond 1 it would overshoot the anchor
    }
    if (t != layout.word) {
      add_range(chunks, chunk, place.offset, place.offset + place.size);
      continue;
    }
    // Coupled decay gives every row a gradient.
    if (gradients.word_is_dense() || (!decoupled && weight_decay != 0)) std::fill(moments.touched.begin(), moments.touched.end(), uint8_t{1});
    const int64_t width = layout.model.hidden;
    for (const int32_t row : gradients.word_rows()) {
      if (moments.touched[static_cast<size_t>(row)]) continue;
      moments.touched[static_cast<size_t>(row)] = 1;
      // They are zero; a page that is first read and then written is mapped twice.
      std::fill_n(moments.first + place.offset + row * width, width, 0.0f);
      std::fill_n(moments.second + place.offset + row * width, width, 0.0f);
    }
    if (late) {
      for (const int32_t row : gradients.word_rows()) add_range(chunks, chunk, place.offset + row * width, place.offset + (row + 1) * width);
      late->put_off(chunk, gradients.word_rows());
      continue;
    }
    for_runs(moments.touched, true, [&](int64_t begin, int64_t end) { add_range(chunks, chunk, place.offset + begin * width, place.offset + end * width); });
    if (decoupled && weight_decay != 0) {
      const float keep = 1.0f - chunk.lr * chunk.decay;
      for_runs(moments.touched, false, [&](int64_t begin, int64_t end) {
        const int64_t from = place.offset + begin * width;
        kernels::decay(weights + from, (end - begin) * width, keep, chunk.pull == 0 ? nullptr : annealing.anchor + from, chunk.pull);
      });
    }
  }
  kernels::adam(weights, moments.first, moments.second, gradients.data(), annealing.anchor, chunks, adam_settings(plan, clip), low);
}

}  // namespace lrdist
