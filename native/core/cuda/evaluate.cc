// Evaluation on the device: all replicas over the same packed batches, rows sorted by length, dropout off.
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <deque>

#include "../evaluation.h"
#include "../memory.h"
#include "../profile.h"
#include "cuda_engine.h"
#include "passes.h"

namespace lrdist::cuda {
namespace {

constexpr size_t queue_depth = 3;
constexpr size_t feed_numbers = size_t{8} << 20;

// A batch whose results are on their way.
struct Waiting {
  std::unique_ptr<Mark> mark;
  std::vector<int32_t> places;       // of its rows in the result
  std::vector<int32_t> wanted;       // [rows + 1], masked-lm
  Bucket bucket;
  int64_t slot;
};

class Evaluator {
 public:
  Evaluator(State& state, const Evaluation& evaluation);
  ~Evaluator() {
    if (!waiting_.empty()) waiting_.back().mark->wait();  // results are still being written to the ring
    if (!packed_.empty()) p_.store.forget();
  }
  std::vector<float> run(const std::atomic<bool>& stop);

 private:
  struct Packed {
    std::vector<int32_t> places, wanted;
    Bucket bucket;
    StoredStates stored;
  };
  void pack();
  int64_t output_size(const Bucket& bucket) const;
  void run_pass(Device& device, Arena& arena, const PassKind& kind, float* output);
  void enqueue(Packed&& batch);
  void take(const Waiting& batch);
  void reserve(const PassKind& kind);

  State& s_;
  Device& device_;
  Passes& p_;
  const Evaluation& e_;
  const Ragged& data_;
  const bool masked_lm_;
  const std::vector<int32_t> rows_;
  const std::vector<std::vector<int32_t>> batches_;
  const int64_t width_, k_;
  std::vector<float> result_;
  GradientArena no_gradients_{};
  size_t next_ = 0;
  std::deque<Packed> packed_;
  std::deque<Waiting> waiting_;
  std::unique_ptr<DeviceMemory> ring_;
  int64_t ring_floats_ = 0, slot_ = 0;
  Bucket largest_;
};

bool is_masked_lm(const State& s, const Evaluation& e) { return s.layout.head_specs[static_cast<size_t>(e.head)].kind == HeadKind::masked_lm; }

Evaluator::Evaluator(State& state, const Evaluation& e)
    : s_(state),
      device_(state.device()),
      p_(passes_of(state)),
      e_(e),
      data_(state.dataset(e.dataset)),
      masked_lm_(is_masked_lm(state, e)),
      rows_(rows_of(e, data_)),
      batches_(batches_by_length(data_, rows_, e.batch_tokens)),
      width_(result_width(state.layout, e)),
      k_(state.replicas) {
  if (masked_lm_ && e.want == Want::logits) throw Error("ERR_INVALID_OPTION", "want: a masked-lm head gives losses, not logits");
  s_.need_weights();
  s_.need_low();
  require_memory(k_ * static_cast<int64_t>(rows_.size()) * width_ * 4, "the results of the evaluation");
  result_.assign(static_cast<size_t>(k_ * static_cast<int64_t>(rows_.size()) * width_), 0);
  p_.keep_graphs(s_);
  p_.feed.begin(static_cast<int64_t>(batches_.size()), static_cast<unsigned>(evaluation_step));
  if (p_.feed.moved()) p_.graphs.clear(device_);
}

// Floats that a batch's pass leaves: [K][rows or wanted][width], for the states of layers [layers + 1][K][rows][H].
int64_t Evaluator::output_size(const Bucket& b) const { return k_ * std::max(b.rows, b.wanted) * (masked_lm_ && e_.want == Want::losses ? 1 : width_); }

void Evaluator::pack() {
  std::vector<int32_t> numbers;
  std::vector<int64_t> starts;
  for (; next_ < batches_.size() && numbers.size() < feed_numbers; ++next_) {
    std::vector<int32_t> chosen;
    for (const int32_t place : batches_[next_]) chosen.push_back(rows_[static_cast<size_t>(place)]);
    Batch batch = make_batch(data_, chosen.data(), static_cast<int64_t>(chosen.size()), 0, chosen.data());
    if (masked_lm_ && e_.want == Want::losses) mask_tokens(batch, e_.masking, s_.layout.model.vocab, s_.spec.seed, evaluation_step);
    if (batch.wanted.count() == 0) continue;  // no masked token: losses stay zero
    const Bucket bucket = bucket_of(batch);
    starts.push_back(static_cast<int64_t>(numbers.size()));
    append_record(numbers, batch, data_, bucket, 1);
    const bool plain = !masked_lm_ && e_.want != Want::layers;
    packed_.push_back({batches_[next_], batch.wanted.cu, bucket, plain ? p_.store.use(s_, e_.dataset, batch) : StoredStates{}});
    largest_ = larger(largest_, bucket);
  }
  if (p_.feed.reserve(largest_)) p_.graphs.clear(device_);
  p_.feed.append(numbers, starts);
}

void Evaluator::run_pass(Device& device, Arena& arena, const PassKind& kind, float* output) {
  const Pass pass{device, s_.layout, arena, p_.feed.batch(kind.bucket), weights_of(s_, p_, false), no_gradients_, k_, s_.spec.seed, p_.feed.step(), false};
  const int64_t n = kind.bucket.wanted;
  EncoderOptions options = kind.encoder;
  if (e_.want == Want::layers) options.first_states = output;
  const float* y = with_precision(s_, [&]<class T>() -> const float* {
    EncoderActivations<T> kept;
    return encoder_forward<T>(pass, options, kept);
  });
  const auto give = [&](const float* from, int64_t floats) { device.copy(output, from, floats * static_cast<int64_t>(sizeof(float))); };
  switch (e_.want) {
    case Want::layers: break;
    case Want::cls: give(y, k_ * n * s_.layout.model.hidden); break;
    case Want::logits: give(classification_logits(pass, e_.head, y), k_ * n * width_); break;
    case Want::losses: head_losses(pass, kind.task, y, output); break;
  }
}

void Evaluator::enqueue(Packed&& batch) {
  PassKind kind;
  kind.bucket = batch.bucket;
  kind.task = {e_.head, e_.loss};
  kind.encoder.keep_from = s_.layout.model.layers;
  kind.encoder.stored = batch.stored;
  if (k_ > 1) kind.encoder.shared = batch.stored.blocks;
  GraphCache::Key key{static_cast<int64_t>(e_.want)};
  append_key(key, kind);
  key.push_back(5);
  const int64_t floats = output_size(kind.bucket);
  if (!p_.graphs.has(key)) {
    p_.grow(s_, p_.output, floats);
    p_.reserve(s_, planned_bytes(s_, [&](Device& dry, Arena& arena) { run_pass(dry, arena, kind, p_.output.data()); }));
  }
  device_.replay(p_.graphs.get(device_, key, [&] {
    Arena arena(p_.activations.data(), p_.activations.bytes());
    p_.feed.load(kind.bucket);
    run_pass(device_, arena, kind, p_.output.data());
    p_.feed.advance(0, 1);
  }));
  float* to = ring_->as<float>() + slot_ * ring_floats_;
  device_.download(to, p_.output.data(), floats * static_cast<int64_t>(sizeof(float)));
  waiting_.push_back({device_.mark(), std::move(batch.places), std::move(batch.wanted), batch.bucket, slot_});
  slot_ = (slot_ + 1) % static_cast<int64_t>(queue_depth + 1);
}

void Evaluator::take(const Waiting& batch) {
  batch.mark->wait();
  const float* from = ring_->as<float>() + batch.slot * ring_floats_;
  const auto rows = static_cast<int64_t>(batch.places.size()), total = static_cast<int64_t>(rows_.size());
  const int64_t h = s_.layout.model.hidden, n = e_.want == Want::layers ? batch.bucket.rows : batch.bucket.wanted;
  for (int64_t k = 0; k < k_; ++k)
    for (int64_t i = 0; i < rows; ++i) {
      float* out = result_.data() + (k * total + batch.places[static_cast<size_t>(i)]) * width_;
      if (e_.want == Want::layers) {
        for (int64_t l = 0; l <= s_.layout.model.layers; ++l) std::copy_n(from + ((l * k_ + k) * n + i) * h, h, out + l * h);
      } else if (masked_lm_ && e_.want == Want::losses) {
        const int32_t begin = batch.wanted[static_cast<size_t>(i)], end = batch.wanted[static_cast<size_t>(i) + 1];
        double sum = 0;
        for (int32_t j = begin; j < end; ++j) sum += from[k * n + j];
        out[0] = static_cast<float>(sum);
        out[1] = static_cast<float>(end - begin);
      } else {
        std::copy_n(from + (k * n + i) * width_, width_, out);
      }
    }
}

std::vector<float> Evaluator::run(const std::atomic<bool>& stop) {
  while (true) {
    if (stop.load()) throw Error("ERR_STOPPED", "the evaluation was stopped");
    if (packed_.empty()) {
      if (next_ >= batches_.size()) break;
      pack();
      if (packed_.empty()) continue;
      // The places of results on the host: all of the last ones have to be taken before they move.
      for (; !waiting_.empty(); waiting_.pop_front()) take(waiting_.front());
      if (output_size(largest_) > ring_floats_) {
        ring_floats_ = output_size(largest_);
        ring_ = device_.allocate_pinned(ring_floats_ * static_cast<int64_t>((queue_depth + 1) * sizeof(float)));
      }
    }
    enqueue(std::move(packed_.front()));
    packed_.pop_front();
    if (waiting_.size() > queue_depth) {
      take(waiting_.front());
      waiting_.pop_front();
    }
  }
  for (; !waiting_.empty(); waiting_.pop_front()) take(waiting_.front());
  return std::move(result_);
}

}  // namespace

std::vector<float> CudaEngine::evaluate(const Evaluation& e) {
  const c10::InferenceMode guard;
  const profile::Phase job("evaluate");
  state_->need_weights();
  return Evaluator(*state_, e).run(stop_flag());
}

}  // namespace lrdist::cuda
