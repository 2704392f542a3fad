#include "trainer.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "gradient_exchange.h"
#include "shards.h"

namespace lrdist::cuda {
namespace {

// Steps that may wait in the queue: enough to keep the device busy, few enough to stop soon.
constexpr size_t queue_depth = 4;
// Numbers of 32 bits that are packed and sent at a time.
constexpr size_t feed_numbers = size_t{8} << 20;

}  // namespace

SegmentResult Trainer::run(const std::atomic<bool>& stop) {
  ring_ = device_.allocate_pinned(static_cast<int64_t>(queue_depth + 1) * 2 * k_ * static_cast<int64_t>(sizeof(float)));
  int64_t tokens = 0;
  const int64_t waited = device_.synchronizations();
  for (int64_t step = 0; step < segment_.steps; ++step) {
    if (steps_.empty()) {
      pack();
      if (ranks_) s_.rank.group->meet();  // no step is begun unless all have the memory for it
    }
    if (!goes_on(step, stop)) break;
    tokens += steps_.front().tokens;
    enqueue(steps_.front());
    steps_.pop_front();
    send_results(step, tokens);
    report(false);
  }
  result_.synchronizations = device_.synchronizations() - waited;
  report(true);
  for (const std::unique_ptr<Mark>& mark : updates_done_)
    if (mark) device_.wait_for(*mark);
  const std::vector<int> non_finite = downloaded(device_, p_.non_finite.data(), k_);
  result_.non_finite.assign(non_finite.begin(), non_finite.end());
  device_.copy(s_.stamp.data(), p_.tracks.front()->stamp.data(), s_.stamp.bytes());
  s_.written = gradients_.written;
  s_.word_dense = gradients_.word_dense;
  s_.last_stamp = static_cast<unsigned>(segment_.step_offset + result_.steps);
  s_.word_pulled = pulled_words(s_.layout, *s_.plan, k_);
  return std::move(result_);
}

bool Trainer::goes_on(int64_t step, const std::atomic<bool>& stop) {
  const bool finite = std::any_of(finite_.begin(), finite_.end(), [](uint8_t f) { return f != 0; }), stopped = stop.load();
  if (s_.goes_on(step, finite && !stopped)) return true;
  result_.stopped = stopped;
  return false;
}

void Trainer::pack() {
  std::vector<int32_t> numbers;
  std::vector<int64_t> starts;
  bool moved = false;
  for (; next_step_ < segment_.steps && numbers.size() < feed_numbers; ++next_step_) {
    PlannedStep step;
    const Written* written = &nothing_;
    int64_t slot = 0;
    for (; next_batch_ < segment_.batch_step.size() && segment_.batch_step[next_batch_] == next_step_; ++next_batch_) {
      const int64_t index = segment_.batch_part[next_batch_];
      const Part& part = segment_.parts[static_cast<size_t>(index)];
      const int32_t begin = segment_.row_offsets[next_batch_], count = segment_.row_offsets[next_batch_ + 1] - begin;
      std::function<void(Batch&)> mask;
      if (part.loss == lrdist::Loss::masked_lm)
        mask = [&](Batch& b) { mask_tokens(b, part.masking, s_.layout.model.vocab, s_.spec.seed, segment_.step_offset + next_step_); };
      const auto [batch, weight, tokens, learns] = share_of(s_.dataset(part.dataset), segment_.rows.data() + begin, count, slot, s_.rank, mask);
      slot += count;
      step.tokens += tokens;
      if (!learns) continue;  // no masked token
      const Bucket bucket = bucket_of(batch);
      starts.push_back(static_cast<int64_t>(numbers.size()));
      append_record(numbers, batch, s_.dataset(part.dataset), bucket, segment_.weights[next_batch_] * weight);
      moved = p_.feed.reserve(bucket) || moved;
      PassKind kind = kind_of(index, bucket);
      if (keeps_states_ && part.loss != lrdist::Loss::masked_lm) kind.encoder.stored = p_.store.use(s_, part.dataset, batch);
      step.passes.push_back(plan(kind, written));
    }
    steps_.push_back(std::move(step));
  }
  if (moved) p_.graphs.clear(device_);
  p_.feed.append(numbers, starts);
}

PassKind Trainer::kind_of(int64_t part, const Bucket& bucket) const {
  const Part& p = segment_.parts[static_cast<size_t>(part)];
  PassKind kind;
  kind.bucket = bucket;
  kind.task = {p.head, p.loss, p.label_smoothing};
  kind.task.temperature = p.temperature;
  if (!p.targets.empty()) {
    kind.task.teacher = p_.teachers.at(part).data();
    kind.task.teacher_stride = static_cast<int64_t>(p.targets.size()) / k_;
  }
  kind.encoder.keep_from = lowest_;
  kind.encoder.shared = shared_;
  kind.dropout = segment_.dropout;
  kind.mixed = mixed_;
  return kind;
}

// A dry run says how much memory the pass needs and what it writes.
Trainer::PlannedPass Trainer::plan(const PassKind& kind, const Written*& written) {
  GraphCache::Key key;
  append_key(key, kind);
  append_key(key, learning_.tensor);
  append_key(key, written->tensors);
  key.push_back(written->word_dense);
  auto found = planned_.find(key);
  if (found == planned_.end()) {
    gradients_.written = written->tensors;
    gradients_.word_dense = written->word_dense;
    p_.reserve(s_, planned_bytes(s_, [&](Device& dry, Arena& arena) { run_pass(dry, arena, kind, largest_track(), false); }));
    found = planned_.emplace(key, Written{gradients_.written, gradients_.word_dense}).first;
  }
  const Written* before = std::exchange(written, &found->second);
  return {kind, std::move(key), before, written};
}

const Track& Trainer::largest_track() const {
  return **std::max_element(p_.tracks.begin(), p_.tracks.end(), [](const auto& a, const auto& b) { return a->count < b->count; });
}

void Trainer::run_pass(Device& device, Arena& arena, const PassKind& kind, const Track& track, bool add_loss) {
  GradientArena& gradients = gradients_;
  gradients.data = s_.gradients.data() + track.first * s_.layout.size;
  const Pass pass{device,      s_.layout,   arena,          p_.feed.batch(kind.bucket), weights_of(s_, p_, track.update.mixes(), track.first), gradients,
                  track.count, s_.spec.seed, p_.feed.step(), kind.dropout};
  HeadTask task = kind.task;
  if (task.teacher) task.teacher += track.first * task.teacher_stride;
  EncoderOptions options = kind.encoder;
  if (track.count == 1) options.shared = 0;
  options.dropout_from = track.dropout_from;
  with_precision(s_, [&]<class T>() {
    EncoderActivations<T> kept;
    const float* y = encoder_forward<T>(pass, options, kept);
    float* dy = head_backward(pass, task, y, learning_, track.stamp.data(), p_.step_loss.data() + track.first, add_loss);
    if (dy) encoder_backward<T>(pass, kept, dy, learning_, track.stamp.data());
  });
}

void Trainer::record_pass(const PlannedPass& pass, Track& track, bool first) {
  gradients_.written = pass.before->tensors;
  gradients_.word_dense = pass.before->word_dense;
  Arena arena(p_.activations.data(), p_.activations.bytes());
  if (first) track.update.before_passes();
  p_.feed.load(pass.kind.bucket);
  run_pass(device_, arena, pass.kind, track, !first);
}

void Trainer::record_update(Track& track, int64_t step_kind) {
  track.update.after_backward(step_kind);
  advance(device_, track.cursor.data(), 1, 0);
}

void Trainer::enqueue(const PlannedStep& step) {
  const Written& after = step.passes.empty() ? nothing_ : *step.passes.back().after;
  if (p_.tracks.size() == 1 && step.passes.size() == 1 && !ranks_) {
    enqueue_whole(step.passes.front());
  } else {
    for (size_t track = 0; track < p_.tracks.size(); ++track) {
      enqueue_passes(step, track);
      enqueue_update(step, track);
    }
  }
  gradients_.written = after.tensors;
  gradients_.word_dense = after.word_dense;
}

void Trainer::enqueue_whole(const PlannedPass& pass) {
  Track& track = *p_.tracks.front();
  GraphCache::Key key = pass.key;
  key.push_back(1);
  int64_t update = 0;
  if (!p_.graphs.has(key)) update = track.update.step_kind(pass.after->tensors, pass.after->word_dense);
  device_.replay(p_.graphs.get(device_, key, [&] {
    record_pass(pass, track, true);
    p_.feed.advance(1, 1);
    record_update(track, update);
  }));
}

void Trainer::enqueue_passes(const PlannedStep& step, size_t index) {
  Track& track = *p_.tracks[index];
  const bool last_track = index + 1 == p_.tracks.size();
  if (overlaps_ && updates_done_[index]) device_.wait_for(*updates_done_[index]);
  for (const PlannedPass& pass : step.passes) {
    const bool first = pass.before == &nothing_;
    GraphCache::Key key = pass.key;
    key.insert(key.end(), {static_cast<int64_t>(index), first, 2});
    device_.replay(p_.graphs.get(device_, key, [&] {
      record_pass(pass, track, first);
      p_.feed.advance(0, 1);
    }));
  }
  if (ranks_ && !step.passes.empty()) exchange(*step.passes.back().after, track);
  // The next track reads the same batches.
  const auto passes = static_cast<unsigned>(step.passes.size());
  p_.feed.advance(last_track ? 1 : 0, last_track ? 0 : 0u - passes);
  if (overlaps_) passes_done_[index] = device_.mark();
}

void Trainer::exchange(const Written& written, const Track& track) {
  const GradientArena arena{s_.gradients.data() + track.first * s_.layout.size, s_.layout.size, written.tensors, written.word_dense};
  exchange_gradients(device_, *ranks_, s_.layout, learning_, {arena, track.count, p_.step_loss.data() + track.first, track.stamp.data(), p_.feed.step()});
}

void Trainer::enqueue_update(const PlannedStep& step, size_t index) {
  Track& track = *p_.tracks[index];
  const Written& written = step.passes.empty() ? nothing_ : *step.passes.back().after;
  GraphCache::Key key;
  append_key(key, learning_.tensor);
  append_key(key, written.tensors);
  key.insert(key.end(), {written.word_dense, step.passes.empty(), static_cast<int64_t>(index), 4});
  int64_t update = 0;
  if (!p_.graphs.has(key)) update = track.update.step_kind(written.tensors, written.word_dense);
  const Graph& graph = p_.graphs.get(device_, key, [&] {
    if (step.passes.empty()) device_.clear(p_.step_loss.data() + track.first, track.count * static_cast<int64_t>(sizeof(double)));
    record_update(track, update);
  });
  if (!overlaps_) {
    device_.replay(graph);
    return;
  }
  const Device::SideQueue side(device_);
  device_.wait_for(*passes_done_[index]);
  device_.replay(graph);
  updates_done_[index] = device_.mark();
}

void Trainer::send_results(int64_t step, int64_t tokens) {
  // On the queue where the step ends.
  std::optional<Device::SideQueue> side;
  if (overlaps_) side.emplace(device_);
  const int64_t floats = 2 * k_;
  float* to = ring_->as<float>() + (step % static_cast<int64_t>(queue_depth + 1)) * floats;
  device_.download(to, p_.results.data() + step * floats, floats * static_cast<int64_t>(sizeof(float)));
  waiting_.push_back({device_.mark(), step, tokens});
}

void Trainer::report(bool all) {
  while (!waiting_.empty()) {
    Waiting& first = waiting_.front();
    if (all || waiting_.size() > queue_depth) first.mark->wait();
    else if (!first.mark->passed()) return;
    const float* losses = ring_->as<float>() + (first.step % static_cast<int64_t>(queue_depth + 1)) * 2 * k_;
    StepEvent event{first.step + 1, first.tokens, {losses, losses + k_}, {losses + k_, losses + 2 * k_}};
    for (int64_t k = 0; k < k_; ++k) {
      const auto at = static_cast<size_t>(k * segment_.steps + first.step);
      result_.losses[at] = event.losses[static_cast<size_t>(k)];
      result_.grad_norms[at] = event.grad_norms[static_cast<size_t>(k)];
      if (!std::isfinite(result_.losses[at]) || !std::isfinite(result_.grad_norms[at])) finite_[static_cast<size_t>(k)] = 0;
    }
    // Steps that were already under way when the last replica failed changed nothing and are not counted.
    if (!dead_) {
      result_.steps = first.step + 1;
      result_.tokens = first.tokens;
      on_step_(std::move(event));
    }
    dead_ = std::none_of(finite_.begin(), finite_.end(), [](uint8_t f) { return f != 0; });
    waiting_.pop_front();
  }
}

}  // namespace lrdist::cuda
