// The diagonal of the Fisher information: the mean over rows of the squared gradient of one row's loss (Kirkpatrick et al. 2017).
// A row at a time, because the square of a batch's gradient underestimates it.
#include <ATen/ops/zeros.h>
#include <c10/core/InferenceMode.h>

#include "heads.h"
#include "state.h"

namespace lrdist {

int64_t Engine::fisher(const FisherSpec& f) {
  const c10::InferenceMode guard;
  State& s = *state_;
  s.need_weights();
  const Ragged& data = s.dataset(f.dataset);
  const Product product(choose_matmul(s.spec.matmul));
  require_memory(s.count() * s.layout.size * 4, "the Fisher diagonal");
  Slot slot;
  slot.weights = at::zeros({s.count(), s.layout.size});
  const Learning all;
  const HeadTask task{f.head, f.loss, 0, f.labels_from_model};
  const float scale = 1.0f / static_cast<float>(f.rows.size());
  const int64_t width = s.layout.model.hidden;
  for (const int32_t row : f.rows) {
    Batch batch = make_batch(data, &row, 1, row);
    if (f.loss == Loss::masked_lm) mask_tokens(batch, f.masking, s.layout.model.vocab, s.spec.seed, 0);
    if (batch.wanted.count() == 0) continue;
    for (int64_t k = 0; k < s.count(); ++k) {
      if (stop.load()) throw Error("ERR_STOPPED", "the Fisher information was stopped");
      s.gradients.begin_step();
      const Pass pass{s.layout, product, s.weights_of(k), s.spec.seed, 0, false};
      EncoderActivations kept;
      const at::Tensor y = encoder_forward(pass, batch, {-1, nullptr}, kept);
      HeadGradient head = head_backward(pass, batch, task, y, 1, all, s.gradients);
      encoder_backward(pass, batch, kept, std::move(head.dy_NH), all, s.gradients);
      float* sum = slot.weights.mutable_data_ptr<float>() + k * s.layout.size;
      for (int32_t t = 0; t < s.layout.count(); ++t) {
        if (!s.gradients.written(t)) continue;
        const TensorPlace& place = s.layout.tensors[static_cast<size_t>(t)];
        const float* g = s.gradients.data() + place.offset;
        if (t == s.layout.word && !s.gradients.word_is_dense()) {
          for (const int32_t r : s.gradients.word_rows()) kernels::add_squares(sum + place.offset + r * width, g + r * width, width, scale);
        } else {
          kernels::add_squares(sum + place.offset, g, place.size, scale);
        }
      }
    }
  }
  s.slots[s.next_slot] = std::move(slot);
  return s.next_slot++;
}

}  // namespace lrdist
