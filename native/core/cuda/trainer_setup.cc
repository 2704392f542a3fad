// What a segment needs before its first step.
#include <algorithm>
#include <limits>

#include "../optimizer.h"
#include "trainer.h"

namespace lrdist::cuda {

Trainer::Trainer(State& state, const Segment& segment, const std::function<void(StepEvent&&)>& on_step)
    : s_(state), device_(state.device()), p_(passes_of(state)), segment_(segment), on_step_(on_step), k_(state.replicas), ranks_(state.communicator()) {
  s_.need_weights();
  s_.need_moments();
  s_.need_gradients();
  s_.need_low();
  find_learning();
  nothing_.tensors.assign(static_cast<size_t>(s_.layout.count()), 0);
  gradients_ = {s_.gradients.data(), s_.layout.size, nothing_.tensors, false};
  mixed_ = uses_mixout(*s_.plan);
  shared_ = mixed_ ? 0 : shared_blocks();
  const ModelSpec& m = s_.layout.model;
  const int64_t alike = mixed_ ? 0 : k_ == 1 ? lowest_ + 1 : shared_;
  p_.store.begin(s_, alike);
  keeps_states_ = alike > 0 && !(segment.dropout && segment.frozen_dropout && (m.hidden_dropout > 0 || m.attention_dropout > 0));
  p_.keep_graphs(s_);
  upload_tables();
  make_tracks();
  begin_updates();
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  result_.losses.assign(static_cast<size_t>(k_ * segment.steps), nan);
  result_.grad_norms.assign(static_cast<size_t>(k_ * segment.steps), nan);
  finite_.assign(static_cast<size_t>(k_), 1);
}

Trainer::~Trainer() {
  if (!waiting_.empty()) waiting_.back().mark->wait();  // results are still being written to the ring
  for (const std::unique_ptr<Mark>& mark : updates_done_)
    if (mark) mark->wait();
  if (!steps_.empty()) p_.store.forget();
}

void Trainer::find_learning() {
  learning_.tensor.assign(static_cast<size_t>(s_.layout.count()), 0);
  for (int64_t k = 0; k < k_; ++k) {
    const Learning own = learning_of(s_.layout, *s_.plan, k);
    for (size_t t = 0; t < learning_.tensor.size(); ++t) learning_.tensor[t] |= own.tensor[t];
    // A replica's dropout begins at the lowest layer that it learns, if not everywhere.
    dropout_from_.push_back(segment_.frozen_dropout ? -1 : lowest_learning(s_.layout, own));
  }
  lowest_ = lowest_learning(s_.layout, learning_);
}

int64_t Trainer::shared_blocks() {
  const int64_t frozen = lowest_ + 1, layers = s_.layout.model.layers;
  if (k_ == 1 || frozen <= 0) return 0;
  const TensorPlace& last = s_.layout.tensors[static_cast<size_t>(s_.layout.layers.back().norm2_bias)];
  const int64_t end = frozen > layers ? last.offset + last.size : s_.layout.tensors[static_cast<size_t>(s_.layout.layers[static_cast<size_t>(frozen - 1)].query)].offset;
  const Array<int> different = cleared<int>(device_, k_);
  Grid grid;
  grid.threads = 256;
  grid.x = static_cast<unsigned>(std::clamp<int64_t>(end / 4096, 1, 1024));
  grid.y = static_cast<unsigned>(k_);
  device_.launch(same_kernel, grid, SameArguments{s_.weights.data(), s_.layout.size, 0, end, different.data()});
  const std::vector<int> flags = downloaded(device_, different.data(), k_);
  return std::all_of(flags.begin(), flags.end(), [](int flag) { return flag == 0; }) ? frozen : 0;
}

void Trainer::upload_tables() {
  p_.grow(s_, p_.factors, static_cast<int64_t>(segment_.factors.size()));
  p_.grow(s_, p_.results, segment_.steps * 2 * k_);
  p_.grow(s_, p_.step_loss, k_);
  p_.grow(s_, p_.non_finite, k_);
  if (mixed_) {
    p_.grow(s_, p_.mixed, k_ * s_.layout.size);
    if (s_.low) p_.grow(s_, p_.mixed_low, k_ * s_.low_stride());
  }
  device_.upload(p_.factors.data(), segment_.factors.data(), static_cast<int64_t>(segment_.factors.size() * sizeof(double)));
  for (size_t part = 0; part < segment_.parts.size(); ++part) {
    const std::vector<float>& targets = segment_.parts[part].targets;
    if (targets.empty()) continue;
    Array<float>& teacher = p_.teachers[static_cast<int64_t>(part)];
    p_.grow(s_, teacher, static_cast<int64_t>(targets.size()));
    device_.upload(teacher.data(), targets.data(), static_cast<int64_t>(targets.size() * sizeof(float)));
  }
}

// Replicas from so many on are worth two halves: with fewer, products get too small.
constexpr int64_t replicas_to_overlap = 4;

void Trainer::make_tracks() {
  // Where each track begins. Replicas whose dropout begins at different layers cannot share passes.
  std::vector<int64_t> firsts{0};
  for (int64_t k = 1; k < k_; ++k)
    if (dropout_from_[static_cast<size_t>(k)] != dropout_from_[static_cast<size_t>(k - 1)]) firsts.push_back(k);
  if (firsts.size() == 1 && k_ >= replicas_to_overlap) firsts.push_back(k_ / 2);
  overlaps_ = firsts.size() > 1 && k_ >= replicas_to_overlap;
  passes_done_.resize(firsts.size());
  updates_done_.resize(firsts.size());

  const auto count = [&](size_t i) { return (i + 1 < firsts.size() ? firsts[i + 1] : k_) - firsts[i]; };
  bool same = p_.tracks.size() == firsts.size();
  for (size_t i = 0; same && i < firsts.size(); ++i) {
    const Track& track = *p_.tracks[i];
    same = track.first == firsts[i] && track.count == count(i) && track.dropout_from == dropout_from_[static_cast<size_t>(firsts[i])];
  }
  if (same) return;
  p_.graphs.clear(device_);
  p_.tracks.clear();
  for (size_t i = 0; i < firsts.size(); ++i)
    p_.tracks.push_back(std::make_unique<Track>(device_, firsts[i], count(i), dropout_from_[static_cast<size_t>(firsts[i])], s_.layout.model.vocab));
}

// The plan of some of the replicas.
Plan part_of(const Plan& plan, int64_t first, int64_t count) {
  Plan part = plan;
  const auto take = [&](auto& values, int64_t each) {
    if (!values.empty()) values = {values.begin() + first * each, values.begin() + (first + count) * each};
  };
  take(part.rates, plan.groups);
  take(part.decay, plan.groups);
  take(part.penalties, 1);
  take(part.transforms, 1);
  return part;
}

void Trainer::begin_updates() {
  const auto start = static_cast<unsigned>(segment_.step_offset);
  p_.feed.begin(static_cast<int64_t>(segment_.batch_step.size()), start);
  bool same = !p_.feed.moved();
  for (const std::unique_ptr<Track>& track : p_.tracks) {
    const Cursor cursor{start, 0, 0};
    device_.upload(track->cursor.data(), &cursor, sizeof cursor);
    const SlotRow slot = [&](int64_t id, int64_t replica) { return s_.slot_row(id, track->first + replica); };
    same = track->update.begin_segment(s_.layout, part_of(*s_.plan, track->first, track->count), segment_, s_.spec.seed, track->count, buffers_of(*track), slot) && same;
  }
  if (!same) p_.graphs.clear(device_);
}

UpdateBuffers Trainer::buffers_of(const Track& track) const {
  const int64_t first = track.first, arena = first * s_.layout.size, low = first * s_.low_stride();
  UpdateBuffers b{};
  b.weights = s_.weights.data() + arena;
  b.first = s_.first.data() + arena;
  b.second = s_.second.data() + arena;
  b.gradients = s_.gradients.data() + arena;
  if (s_.low) b.low = {s_.low.data() + low, s_.low_begin(), s_.low_stride()};
  if (mixed_) b.mixed = p_.mixed.data() + arena;
  if (mixed_ && s_.low) b.mixed_low = {p_.mixed_low.data() + low, s_.low_begin(), s_.low_stride()};
  b.steps = s_.steps.data() + first * s_.layout.count();
  b.touched = s_.touched.data() + first * s_.layout.model.vocab;
  b.stamp = track.stamp.data();
  b.step = &track.cursor.data()->step;
  b.segment_step = &track.cursor.data()->segment_step;
  b.step_loss = p_.step_loss.data() + first;
  b.alive = s_.alive.data() + first;
  b.factors = p_.factors.data() + first * static_cast<int64_t>(segment_.factors.size()) / k_;
  b.results = {p_.results.data() + first, p_.results.data() + k_ + first, 1, 2 * k_, p_.non_finite.data() + first};
  return b;
}

}  // namespace lrdist::cuda
