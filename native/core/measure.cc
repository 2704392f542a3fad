// Gradients at the current weights, dropout off: the diagonal of the Fisher information: the mean over rows of the squared gradient of one row's loss (Kirkpatrick et al. 2017).
// A row at a time, because the square of a batch's gradient underestimates it. Also the
// mean gradient itself, and the comparison of two buffers tensor by tensor.
#include <ATen/Parallel.h>
#include <ATen/ops/zeros.h>
#include <c10/core/InferenceMode.h>

#include "heads.h"
#include "profile.h"
#include "state.h"

namespace lrdist {
namespace {

// sum += f(gradient) for every tensor that has one; f(sum, g, n).
template <class F>
void collect(const CpuEngine::State& s, float* sum, const F& f) {
  const int64_t width = s.layout.model.hidden;
  for (int32_t t = 0; t < s.layout.count(); ++t) {
    if (!s.gradients.written(t)) continue;
    const TensorPlace& place = s.layout.tensors[static_cast<size_t>(t)];
    const float* g = s.gradients.data() + place.offset;
    if (t == s.layout.word && !s.gradients.word_is_dense()) {
      for (const int32_t r : s.gradients.word_rows()) f(sum + place.offset + r * width, g + r * width, width);
    } else {
      f(sum + place.offset, g, place.size);
    }
  }
}

// One replica's gradient of the batch's mean loss, in the state's gradient buffer.
void gradient_of(CpuEngine::State& s, const Product& product, const Batch& batch, const HeadTask& task, int64_t replica) {
  const Learning all;
  s.gradients.begin_step();
  const Pass pass = s.pass(product, replica, s.weights_of(replica), 0, false);
  EncoderActivations kept;
  const at::Tensor y = encoder_forward(pass, batch, {-1, nullptr}, kept);
  HeadGradient head = head_backward(pass, batch, task, y, 1, all, s.gradients);
  encoder_backward(pass, batch, kept, std::move(head.dy_NH), all, s.gradients);
}

int64_t new_slot(CpuEngine::State& s, const char* what) {
  s.need_weights();
  require_memory(s.count() * s.layout.size * 4, what);
  Slot slot;
  slot.weights = at::zeros({s.count(), s.layout.size});
  s.slots[s.next_slot] = std::move(slot);
  return s.next_slot++;
}

}  // namespace

int64_t CpuEngine::fisher(const FisherSpec& f) {
  const c10::InferenceMode guard;
  const profile::Phase job("fisher");
  State& s = *state_;
  const Ragged& data = s.dataset(f.dataset);
  const Product product = s.product();
  const int64_t slot = new_slot(s, "the Fisher diagonal");
  const float scale = 1.0f / static_cast<float>(f.rows.size());
  for (const int32_t row : f.rows) {
    Batch batch = make_batch(data, &row, 1, row);
    if (f.loss == Loss::masked_lm) mask_tokens(batch, f.masking, s.layout.model.vocab, s.spec.seed, 0);
    if (batch.wanted.count() == 0) continue;
    for (int64_t k = 0; k < s.count(); ++k) {
      if (stop.load()) {
        s.slots.erase(slot);
        throw Error("ERR_STOPPED", "the Fisher information was stopped");
      }
      gradient_of(s, product, batch, {f.head, f.loss, 0, f.labels_from_model}, k);
      collect(s, s.slots[slot].weights.mutable_data_ptr<float>() + k * s.layout.size,
              [&](float* sum, const float* g, int64_t n) { kernels::add_squares(sum, g, n, scale); });
    }
  }
  return slot;
}

int64_t CpuEngine::gradient(const GradientSpec& spec) {
  const c10::InferenceMode guard;
  const profile::Phase job("gradient");
  State& s = *state_;
  const Ragged& data = s.dataset(spec.dataset);
  const Product product = s.product();
  const int64_t slot = new_slot(s, "the gradients");
  const auto total = static_cast<int64_t>(spec.rows.size());
  const std::vector<int64_t> cuts = cuts_by_tokens(data, spec.rows, spec.batch_tokens);
  for (size_t i = 0; i + 1 < cuts.size(); ++i) {
    const int64_t begin = cuts[i], end = cuts[i + 1];
    Batch batch = make_batch(data, spec.rows.data() + begin, end - begin, begin);
    if (spec.loss == Loss::masked_lm) mask_tokens(batch, spec.masking, s.layout.model.vocab, s.spec.seed, 0);
    const float share = static_cast<float>(end - begin) / static_cast<float>(total);
    if (batch.wanted.count() == 0) continue;
    for (int64_t k = 0; k < s.count(); ++k) {
      if (stop.load()) {
        s.slots.erase(slot);
        throw Error("ERR_STOPPED", "the gradient was stopped");
      }
      gradient_of(s, product, batch, {spec.head, spec.loss}, k);
      collect(s, s.slots[slot].weights.mutable_data_ptr<float>() + k * s.layout.size,
              [&](float* sum, const float* g, int64_t n) { kernels::add_scaled(sum, g, n, share); });
    }
  }
  return slot;
}

std::vector<double> CpuEngine::compare(const Operand& a, const Operand& b) const {
  State& s = *state_;
  const auto values = [&](const Operand& o, int64_t replica) -> const float* {
    if (o.buffer == Buffer::slot) return s.slot_row(o.slot, replica);
    const at::Tensor& buffer = o.buffer == Buffer::weights ? s.weights : o.buffer == Buffer::exp_avg ? s.first : s.second;
    if (!buffer.defined()) throw Error("ERR_INVALID_OPTION", "compare: that buffer does not exist yet");
    return buffer.const_data_ptr<float>() + replica * s.layout.size;
  };
  std::vector<double> result(static_cast<size_t>(s.count() * s.layout.count() * 4));
  for (int64_t k = 0; k < s.count(); ++k) {
    const float *x = values(a, k), *y = values(b, k);
    at::parallel_for(0, s.layout.count(), 1, [&](int64_t begin, int64_t end) {
      for (int64_t t = begin; t < end; ++t) {
        const TensorPlace& place = s.layout.tensors[static_cast<size_t>(t)];
        kernels::moments_of_pair(x + place.offset, y + place.offset, place.size, result.data() + (k * s.layout.count() + t) * 4);
      }
    });
  }
  return result;
}

}  // namespace lrdist
