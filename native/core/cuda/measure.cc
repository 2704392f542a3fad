// Fisher information and mean gradients on the device, as core/measure.cc has them: dropout off, a row at a time for Fisher's squares. The ranks of a group
// take rows or batches in turn.
#include <c10/core/InferenceMode.h>

#include "../profile.h"
#include "cuda_engine.h"
#include "gather.h"
#include "passes.h"

namespace lrdist::cuda {
namespace {

class GradientPasses {
 public:
  GradientPasses(State& state, const HeadTask& task, int64_t batches);

  // One batch's gradient of the mean loss, for all replicas, in the state's buffer. Returns the sum over which tensors it was written.
  GradientSum& run(const Batch& batch, const Ragged& data);

 private:
  void run_pass(Device& device, Arena& arena, const PassKind& kind);

  State& s_;
  Device& device_;
  Passes& p_;
  const HeadTask task_;
  const Learning all_;
  GradientArena gradients_;
  std::unique_ptr<GradientSum> sum_;
};

GradientPasses::GradientPasses(State& state, const HeadTask& task, int64_t batches)
    : s_(state), device_(state.device()), p_(passes_of(state)), task_(task) {
  s_.need_weights();
  s_.need_gradients();
  s_.need_low();
  gradients_ = {s_.gradients.data(), s_.layout.size, {}, false};
  p_.keep_graphs(s_);
  p_.grow(s_, p_.step_loss, s_.replicas);
  p_.feed.begin(batches, 0);
  if (p_.feed.moved()) p_.graphs.clear(device_);
}

void GradientPasses::run_pass(Device& device, Arena& arena, const PassKind& kind) {
  gradients_.written.assign(static_cast<size_t>(s_.layout.count()), 0);
  gradients_.word_dense = false;
  const Pass pass{device, s_.layout, arena, p_.feed.batch(kind.bucket), weights_of(s_, p_, false), gradients_, s_.replicas, s_.spec.seed, p_.feed.step(), false};
  with_precision(s_, [&]<class T>() {
    EncoderActivations<T> kept;
    const float* y = encoder_forward<T>(pass, kind.encoder, kept);
    float* dy = head_backward(pass, kind.task, y, all_, s_.stamp.data(), p_.step_loss.data(), false);
    encoder_backward<T>(pass, kept, dy, all_, s_.stamp.data());
  });
}

GradientSum& GradientPasses::run(const Batch& batch, const Ragged& data) {
  PassKind kind;
  kind.bucket = bucket_of(batch);
  kind.task = task_;
  kind.encoder.keep_from = -1;
  std::vector<int32_t> numbers;
  append_record(numbers, batch, data, kind.bucket, 1);
  if (p_.feed.reserve(kind.bucket)) p_.graphs.clear(device_);
  p_.feed.append(numbers, {0});
  GraphCache::Key key;
  append_key(key, kind);
  key.push_back(6);
  if (!sum_ || !p_.graphs.has(key)) {
    p_.reserve(s_, planned_bytes(s_, [&](Device& dry, Arena& arena) { run_pass(dry, arena, kind); }));
    if (!sum_) sum_ = std::make_unique<GradientSum>(device_, s_.layout, gradients_.written, gradients_.word_dense, s_.stamp.data(), p_.feed.step());
  }
  device_.replay(p_.graphs.get(device_, key, [&] {
    Arena arena(p_.activations.data(), p_.activations.bytes());
    device_.clear(s_.stamp.data(), s_.stamp.bytes());  // every batch is a step of its own here, under one number
    p_.feed.load(kind.bucket);
    run_pass(device_, arena, kind);
    p_.feed.advance(0, 1);
  }));
  s_.written = gradients_.written;
  s_.word_dense = gradients_.word_dense;
  s_.last_stamp = 1;
  s_.word_pulled.clear();
  return *sum_;
}

void require_to_go_on(State& s, int64_t step, const std::atomic<bool>& stop, const char* otherwise) {
  if (!s.goes_on(step, !stop.load())) throw Error("ERR_STOPPED", otherwise);
}

// A slot that f(slot) fills on this rank, its own part of the sum over all. If it fails there is no slot.
template <class F>
int64_t summed_slot(State& s, const F& f) {
  const int64_t id = s.new_slot();
  const Array<float>& sum = s.slots.at(id).weights;
  try {
    Communicator* const ranks = s.communicator();
    f(sum.data());
    if (ranks) ranks->reduce({{sum.data(), sum.size(), ReductionKind::sum_f32}});
  } catch (...) {
    s.slots.erase(id);
    throw;
  }
  return id;
}

}  // namespace

int64_t CudaEngine::fisher(const FisherSpec& f) {
  const c10::InferenceMode guard;
  const profile::Phase job("fisher");
  State& s = *state_;
  const Ragged& data = s.dataset(f.dataset);
  GradientPasses passes(s, {f.head, f.loss, 0, f.labels_from_model}, static_cast<int64_t>(f.rows.size()));
  const float scale = 1.0f / static_cast<float>(f.rows.size());
  return summed_slot(s, [&](float* sum) {
    for (int64_t i = 0; i < static_cast<int64_t>(f.rows.size()); ++i) {
      require_to_go_on(s, i, stop_flag(), "the Fisher information was stopped");
      if (i % s.rank.size() != s.rank.index) continue;
      const int32_t row = f.rows[static_cast<size_t>(i)];
      Batch batch = make_batch(data, &row, 1, row);
      if (f.loss == lrdist::Loss::masked_lm) mask_tokens(batch, f.masking, s.layout.model.vocab, s.spec.seed, 0);
      if (batch.wanted.count() == 0) continue;
      passes.run(batch, data).add_squares(s.gradients.data(), sum, scale, s.replicas);
    }
  });
}

int64_t CudaEngine::gradient(const GradientSpec& spec) {
  const c10::InferenceMode guard;
  const profile::Phase job("gradient");
  State& s = *state_;
  const Ragged& data = s.dataset(spec.dataset);
  const auto total = static_cast<int64_t>(spec.rows.size());
  GradientPasses passes(s, {spec.head, spec.loss}, total);
  const std::vector<int64_t> cuts = cuts_by_tokens(data, spec.rows, spec.batch_tokens);
  return summed_slot(s, [&](float* sum) {
    for (size_t i = 0; i + 1 < cuts.size(); ++i) {
      const auto number = static_cast<int64_t>(i);
      require_to_go_on(s, number, stop_flag(), "the gradient was stopped");
      if (number % s.rank.size() != s.rank.index) continue;
      const int64_t begin = cuts[i], end = cuts[i + 1];
      Batch batch = make_batch(data, spec.rows.data() + begin, end - begin, begin);
      if (spec.loss == lrdist::Loss::masked_lm) mask_tokens(batch, spec.masking, s.layout.model.vocab, s.spec.seed, 0);
      if (batch.wanted.count() == 0) continue;
      const float share = static_cast<float>(end - begin) / static_cast<float>(total);
      passes.run(batch, data).add_scaled(s.gradients.data(), sum, share, s.replicas);
    }
  });
}

}  // namespace lrdist::cuda
