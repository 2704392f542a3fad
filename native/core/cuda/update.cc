#include "update.h"

#include <algorithm>

#include "../../kernels/philox.h"
#include "chunk_list.h"

namespace lrdist::cuda {
namespace {

struct StepKind {
  std::vector<uint8_t> written;
  bool word_dense;
  Array<unsigned char> flags;  // written
  ChunkList list;              // of those that any replica learns
};

// What recorded calls have in them. A segment for which it is the same may replay them.
struct Recorded {
  int64_t size = 0, tensors = 0, replicas = 0;
  uint64_t seed = 0;
  bool rules = false, mixout = false;
  std::vector<uint8_t> learning;  // by any replica [T]
  std::vector<TensorFacts> facts;
  UpdateBuffers buffers{};
};

bool same(const TensorFacts& a, const TensorFacts& b) {
  return a.offset == b.offset && a.columns == b.columns && a.column_numbers == b.column_numbers && a.hash == b.hash && a.flags == b.flags;
}

bool same(const UpdateBuffers& a, const UpdateBuffers& b) {
  return a.weights == b.weights && a.first == b.first && a.second == b.second && a.gradients == b.gradients && a.low == b.low && a.mixed == b.mixed &&
         a.mixed_low == b.mixed_low && a.steps == b.steps && a.touched == b.touched && a.stamp == b.stamp && a.step == b.step &&
         a.segment_step == b.segment_step && a.step_loss == b.step_loss && a.alive == b.alive && a.factors == b.factors &&
         a.results.losses == b.results.losses && a.results.grad_norms == b.results.grad_norms && a.results.replica_stride == b.results.replica_stride &&
         a.results.step_stride == b.results.step_stride && a.results.non_finite == b.results.non_finite;
}

bool same(const Recorded& a, const Recorded& b) {
  return a.size == b.size && a.tensors == b.tensors && a.replicas == b.replicas && a.seed == b.seed && a.rules == b.rules && a.mixout == b.mixout &&
         a.learning == b.learning && std::equal(a.facts.begin(), a.facts.end(), b.facts.begin(), b.facts.end(), [](auto& x, auto& y) { return same(x, y); }) &&
         same(a.buffers, b.buffers);
}

unsigned as_unsigned(int64_t n) { return static_cast<unsigned>(n); }

}  // namespace

bool uses_mixout(const Plan& plan) { return has_transform(plan, TransformKind::mixout); }

struct Update::Tables {
  Recorded recorded;
  const Layout* layout = nullptr;
  int vocab = 0, width = 0;
  Array<UpdateSettings> settings;
  Array<TensorFacts> facts;
  Array<double> rates, decay;         // [K][T]
  Array<ReplicaRules> rules;          // [K]
  Array<float> clip, thresholds;      // [K]
  Array<Coefficients> coefficients;   // [K][T]
  Array<unsigned short> numbers;      // Mixout's
  Array<double> partials;             // [K][chunks of all tensors]
  std::unique_ptr<ChunkList> all;
  std::vector<StepKind> kinds;

  void make(Device& device);
  void mark_pulled_rows(Device& device) const;
  void find_thresholds(Device& device, const Plan& plan) const;
  Chunks chunks(const ChunkList& list) const { return {list.chunks(), facts.data(), list.count(), static_cast<int>(recorded.tensors)}; }
  WordState word_state(bool dense) const {
    return {recorded.buffers.stamp, recorded.buffers.step, recorded.buffers.touched, vocab, width, dense};
  }
  Grid grid(const ChunkList& list) const { return {as_unsigned(list.count()), as_unsigned(recorded.replicas), 1, chunk_threads, 0}; }
  const ReplicaRules* rules_or_null() const { return recorded.rules ? rules.data() : nullptr; }
};

// Everything that has an address in recorded calls.
void Update::Tables::make(Device& device) {
  const int64_t k = recorded.replicas, t = recorded.tensors;
  kinds.clear();
  vocab = static_cast<int>(layout->model.vocab);
  width = static_cast<int>(layout->model.hidden);
  all = std::make_unique<ChunkList>(device, *layout, std::vector<uint8_t>{});
  settings = Array<UpdateSettings>(device, 1);
  facts = Array<TensorFacts>(device, t);
  rates = Array<double>(device, k * t);
  decay = Array<double>(device, k * t);
  rules = recorded.rules ? Array<ReplicaRules>(device, k) : Array<ReplicaRules>();
  clip = Array<float>(device, k);
  thresholds = Array<float>(device, k);
  coefficients = Array<Coefficients>(device, k * t);
  numbers = recorded.mixout ? Array<unsigned short>(device, std::max<int64_t>(1, mixed_columns(recorded.facts))) : Array<unsigned short>();
  partials = Array<double>(device, k * all->count());
}

void Update::Tables::mark_pulled_rows(Device& device) const {
  const UpdateBuffers& b = recorded.buffers;
  const MarkPulledRowsArguments marks{rules.data(), facts.data(), layout->word,  static_cast<int>(recorded.tensors), rates.data(), decay.data(), b.weights,
                                      b.first,      b.second,     recorded.size, b.touched,                          vocab,        width};
  device.launch(mark_pulled_rows_kernel, {as_unsigned((vocab + 7) / 8), as_unsigned(recorded.replicas), 1, chunk_threads, 0}, marks);
}

void Update::Tables::find_thresholds(Device& device, const Plan& plan) const {
  std::vector<uint8_t> which;
  for (const TensorFacts& f : recorded.facts) which.push_back((f.flags & tensor_masked) != 0);
  const ChunkList masked(device, *layout, which);
  if (masked.count() == 0) return;
  const auto kept = uploaded(device, kept_elements(*layout, recorded.facts, plan, recorded.replicas));
  const Array<int> counts(device, recorded.replicas * masked.count() * selection_digits);
  const Array<unsigned> prefix(device, recorded.replicas);
  const Array<long long> rank(device, recorded.replicas);
  for (int round = 0; round < selection_rounds; ++round) {
    const SelectionArguments selection{chunks(masked), rules.data(), kept.data(), counts.data(), prefix.data(), rank.data(), thresholds.data(), round};
    device.launch(count_fisher_kernel, grid(masked), selection);
    device.launch(pick_fisher_kernel, {1, as_unsigned(recorded.replicas), 1, chunk_threads, 0}, selection);
  }
}

Update::Update(Device& device) : device_(device), tables_(std::make_unique<Tables>()) {}
Update::~Update() = default;

bool Update::begin_segment(const Layout& layout, const Plan& plan, const Segment& segment, uint64_t seed, int64_t replicas, const UpdateBuffers& buffers,
                           const SlotRow& slot) {
  const std::vector<double> rates = per_tensor(layout, plan, plan.rates, replicas), decay = per_tensor(layout, plan, plan.decay, replicas);
  const std::vector<ReplicaRules> rules = replica_rules(plan, seed, replicas, slot);
  Recorded now{layout.size, layout.count(), replicas, seed, !rules.empty(), uses_mixout(plan), {}, tensor_facts(layout, &plan), buffers};
  now.learning.resize(static_cast<size_t>(layout.count()), 0);
  for (size_t i = 0; i < rates.size(); ++i) now.learning[i % now.learning.size()] |= rates[i] != 0;

  Tables& t = *tables_;
  const bool valid = same(t.recorded, now);
  t.recorded = std::move(now);
  t.layout = &layout;
  if (!valid) t.make(device_);
  const UpdateSettings settings = update_settings(plan, segment);
  device_.upload(t.settings.data(), &settings, t.settings.bytes());
  device_.upload(t.facts.data(), t.recorded.facts.data(), t.facts.bytes());
  device_.upload(t.rates.data(), rates.data(), t.rates.bytes());
  device_.upload(t.decay.data(), decay.data(), t.decay.bytes());
  if (!rules.empty()) device_.upload(t.rules.data(), rules.data(), t.rules.bytes());

  device_.clear(buffers.stamp, int64_t{t.vocab} * 4);  // another segment may have had the same steps
  device_.launch(begin_updates_kernel, {1, 1, 1, 32, 0}, BeginUpdatesArguments{buffers.alive, buffers.results.non_finite, static_cast<int>(replicas)});
  if (std::any_of(rules.begin(), rules.end(), [](const ReplicaRules& r) { return r.penalty != pull_none; })) t.mark_pulled_rows(device_);
  if (has_transform(plan, TransformKind::child_fisher)) t.find_thresholds(device_, plan);
  return valid;
}

int64_t Update::step_kind(const std::vector<uint8_t>& written, bool word_dense) {
  Tables& t = *tables_;
  for (size_t i = 0; i < t.kinds.size(); ++i)
    if (t.kinds[i].written == written && t.kinds[i].word_dense == word_dense) return static_cast<int64_t>(i);
  std::vector<uint8_t> updated = written;
  for (size_t i = 0; i < updated.size(); ++i) updated[i] = written[i] && t.recorded.learning[i];
  t.kinds.push_back({written, word_dense, uploaded(device_, written), {device_, *t.layout, updated}});
  return static_cast<int64_t>(t.kinds.size()) - 1;
}

bool Update::mixes() const { return tables_->recorded.mixout; }

void Update::before_passes() {
  const Tables& t = *tables_;
  const Recorded& r = t.recorded;
  if (!r.mixout) return;
  const kernels::Dropout draw = kernels::make_dropout(0, r.seed, 0, kernels::site_mixout);
  const DrawColumnsArguments columns{t.facts.data(), draw.key0, draw.key1, kernels::site_mixout, r.buffers.step, t.numbers.data()};
  device_.launch(draw_columns_kernel, {as_unsigned(r.tensors), 1, 1, chunk_threads, 0}, columns);
  const LowArena& low = r.buffers.mixed_low;
  const MixArguments mix{t.chunks(*t.all), t.rules.data(), t.numbers.data(), r.buffers.weights, r.buffers.mixed, r.size, low.data, low.begin, low.stride};
  device_.launch(mix_kernel, t.grid(*t.all), mix);
}

void Update::after_backward(int64_t step_kind) {
  const Tables& t = *tables_;
  const Recorded& r = t.recorded;
  const UpdateBuffers& b = r.buffers;
  const StepKind& kind = t.kinds[static_cast<size_t>(step_kind)];
  const WordState word = t.word_state(kind.word_dense);
  const Chunks chunks = t.chunks(kind.list);
  if (kind.list.count() > 0) {
    const AddPenaltyArguments penalty{chunks,    word,        t.rates.data(), b.alive, t.rules_or_null(), t.numbers.data(),
                                      b.weights, b.gradients, r.size,         t.partials.data()};
    device_.launch(add_penalty_kernel, t.grid(kind.list), penalty);
  }
  const DecideUpdateArguments decide{t.settings.data(), t.rules_or_null(),  t.facts.data(), kind.flags.data(), t.rates.data(), t.decay.data(),
                                     b.factors,         t.partials.data(),  b.step_loss,    b.segment_step,    chunks.count,   chunks.tensor_count,
                                     b.alive,           b.steps,            t.clip.data(),  t.coefficients.data(), b.results};
  device_.launch(decide_update_kernel, {1, as_unsigned(r.replicas), 1, chunk_threads, 0}, decide);
  if (kind.list.count() == 0) return;
  const AdamArguments adam{chunks,    word,    t.settings.data(), t.rules_or_null(), t.thresholds.data(), t.clip.data(), t.coefficients.data(),
                           b.weights, b.first, b.second,          b.gradients,       r.size,              b.low.data,    b.low.begin, b.low.stride};
  device_.launch(adam_kernel, t.grid(kind.list), adam);
}

int64_t Update::bytes() const {
  const Tables& t = *tables_;
  int64_t bytes = t.settings.bytes() + t.facts.bytes() + t.rates.bytes() + t.decay.bytes() + t.rules.bytes() + t.clip.bytes() + t.thresholds.bytes() +
                  t.coefficients.bytes() + t.numbers.bytes() + t.partials.bytes();
  if (t.all) bytes += t.all->bytes();
  for (const StepKind& kind : t.kinds) bytes += kind.flags.bytes() + kind.list.bytes();
  return bytes;
}

}  // namespace lrdist::cuda
