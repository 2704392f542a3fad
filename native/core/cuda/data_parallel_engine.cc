#include "data_parallel_engine.h"

#include <algorithm>
#include <cstring>
#include <numeric>

namespace lrdist::cuda {
namespace {

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

}  // namespace

DataParallelEngine::DataParallelEngine(const SessionSpec& spec, const std::vector<std::string>& devices)
    : group_(std::make_shared<Group>(static_cast<int>(devices.size()), stop)), longest_row_(spec.model.max_positions) {
  for (size_t r = 0; r < devices.size(); ++r) {
    SessionSpec own = spec;
    own.device = devices[r];
    engines_.push_back(std::make_unique<CudaEngine>(own, Rank{group_, static_cast<int>(r)}));
    if (r > 0) threads_.push_back(ComputeThread::of_device());
  }
}

DataParallelEngine::~DataParallelEngine() {
  // Devices belong to their threads, and take leave of each other there.
  for (size_t r = 1; r < engines_.size(); ++r) ComputeThread::end(std::move(threads_[r - 1]), [engine = &engines_[r]] { engine->reset(); });
}

void DataParallelEngine::on_all(Leaves leaves, const std::function<void(CudaEngine&, int)>& f) {
  if (differ_) throw Error("ERR_DEVICE_LOST", "since a job failed on one of its devices, they may hold different weights; open a new session");
  group_->begin_job();
  std::vector<std::exception_ptr> failures(engines_.size());
  const auto run = [&](size_t r) {
    try {
      f(*engines_[r], static_cast<int>(r));
    } catch (...) {
      failures[r] = std::current_exception();
      group_->abort();
    }
  };
  std::vector<ComputeThread::Ticket> others;
  for (size_t r = 1; r < engines_.size(); ++r)
    others.push_back(threads_[r - 1]->submit([&run, r, thread = threads_[r - 1].get()] {
      thread->use_threads(1);
      run(r);
    }));
  run(0);
  for (size_t r = 1; r < engines_.size(); ++r) threads_[r - 1]->finish(others[r - 1]);
  const std::exception_ptr cause = cause_of(failures);
  if (!cause) return;
  // Alike where all failed by themselves, and where no step was begun.
  const bool all_failed = std::all_of(failures.begin(), failures.end(), [](const std::exception_ptr& e) { return e != nullptr; });
  differ_ = leaves == Leaves::changed && !(all_failed && group_->agreed() < 0);
  std::rethrow_exception(cause);
}

int64_t DataParallelEngine::slot_on_all(const std::function<int64_t(CudaEngine&)>& f) {
  std::vector<int64_t> slots(engines_.size(), -1);
  try {
    on_all(Leaves::unchanged, [&](CudaEngine& engine, int rank) { slots[static_cast<size_t>(rank)] = f(engine); });
  } catch (...) {
    int64_t next = 0;
    for (size_t r = 0; r < engines_.size(); ++r) {
      if (slots[r] >= 0) engines_[r]->release(slots[r]);
      next = std::max(next, engines_[r]->next_slot());
    }
    for (const auto& engine : engines_) engine->next_slot() = next;
    throw;
  }
  require_same(std::adjacent_find(slots.begin(), slots.end(), std::not_equal_to<>()) == slots.end(), "slots");
  return slots.front();
}

void DataParallelEngine::require_same(bool same, const char* what) {
  if (same) return;
  differ_ = true;
  throw Error("ERR_DEVICE_LOST", std::string("the devices of the session came to different ") + what + "; open a new session");
}

int64_t DataParallelEngine::add_head(const HeadSpec& head) {
  int64_t index = 0;
  on_all(Leaves::changed, [&](CudaEngine& engine, int rank) {
    const int64_t added = engine.add_head(head);
    if (rank == 0) index = added;
  });
  return index;
}

int64_t DataParallelEngine::add_dataset(Ragged data) {
  const auto shared = std::make_shared<const Ragged>(std::move(data));
  int64_t id = 0;
  for (const auto& engine : engines_) id = engine->add_dataset(shared);
  dataset_rows_[id] = shared->rows();
  return id;
}

void DataParallelEngine::remove_dataset(int64_t dataset) {
  for (const auto& engine : engines_) engine->remove_dataset(dataset);
  dataset_rows_.erase(dataset);
}

void DataParallelEngine::load(const std::vector<FileTensor>& tensors) {
  on_all(Leaves::changed, [&](CudaEngine& engine, int) { engine.load(tensors); });
}

void DataParallelEngine::initialize(const std::vector<int32_t>& parameters, double std, uint64_t seed) {
  on_all(Leaves::changed, [&](CudaEngine& engine, int) { engine.initialize(parameters, std, seed); });
}

void DataParallelEngine::set_plan(Plan plan) {
  for (const auto& engine : engines_) engine->set_plan(plan);
}

SegmentResult DataParallelEngine::train(const Segment& segment, const std::function<void(StepEvent&&)>& on_step) {
  std::vector<SegmentResult> results(engines_.size());
  on_all(Leaves::changed, [&](CudaEngine& engine, int rank) {
    results[static_cast<size_t>(rank)] = engine.train(segment, rank == 0 ? on_step : [](StepEvent&&) {});
  });
  const SegmentResult& one = results.front();
  require_same(std::all_of(results.begin(), results.end(),
                           [&](const SegmentResult& r) { return r.steps == one.steps && same_bits(r.losses, one.losses) && same_bits(r.grad_norms, one.grad_norms); }),
               "losses");
  return std::move(results.front());
}

std::vector<float> DataParallelEngine::evaluate(const Evaluation& evaluation) {
  std::vector<int32_t> rows = evaluation.rows;
  if (evaluation.all_rows) {
    rows.resize(static_cast<size_t>(dataset_rows_.at(evaluation.dataset)));
    std::iota(rows.begin(), rows.end(), 0);
  }
  const size_t total = rows.size(), ranks = engines_.size();
  const auto begin_of = [&](size_t rank) { return total * rank / ranks; };
  std::vector<std::vector<float>> parts(ranks);
  on_all(Leaves::unchanged, [&](CudaEngine& engine, int rank) {
    const auto r = static_cast<size_t>(rank);
    Evaluation part = evaluation;
    part.all_rows = false;
    part.rows = {rows.begin() + static_cast<int64_t>(begin_of(r)), rows.begin() + static_cast<int64_t>(begin_of(r + 1))};
    if (!part.rows.empty() || total == 0) parts[r] = engine.evaluate(part);
  });
  std::vector<float> whole;
  const auto k = static_cast<size_t>(replicas());
  for (size_t replica = 0; replica < k; ++replica)
    for (const std::vector<float>& part : parts) {
      const size_t each = part.size() / k;
      whole.insert(whole.end(), part.begin() + static_cast<int64_t>(replica * each), part.begin() + static_cast<int64_t>((replica + 1) * each));
    }
  return whole;
}

int64_t DataParallelEngine::fisher(const FisherSpec& fisher) {
  return slot_on_all([&](CudaEngine& engine) { return engine.fisher(fisher); });
}

int64_t DataParallelEngine::gradient(const GradientSpec& gradient) {
  return slot_on_all([&](CudaEngine& engine) { return engine.gradient(gradient); });
}

void DataParallelEngine::set_replicas(const std::vector<int32_t>& order) {
  on_all(Leaves::changed, [&](CudaEngine& engine, int) { engine.set_replicas(order); });
}

int64_t DataParallelEngine::fit(const FitSpec& spec) {
  // The tokens of a batch that a device gets: its part, and at most a row more.
  FitSpec part = spec;
  part.tokens = std::min(spec.tokens, spec.tokens / static_cast<int64_t>(engines_.size()) + longest_row_);
  std::vector<int64_t> fitting(engines_.size());
  on_all(Leaves::unchanged, [&](CudaEngine& engine, int rank) { fitting[static_cast<size_t>(rank)] = engine.fit(part); });
  return *std::min_element(fitting.begin(), fitting.end());
}

int64_t DataParallelEngine::snapshot(bool all) {
  return slot_on_all([&](CudaEngine& engine) { return engine.snapshot(all); });
}

void DataParallelEngine::restore(int64_t slot) {
  on_all(Leaves::changed, [&](CudaEngine& engine, int) { engine.restore(slot); });
}

void DataParallelEngine::release(int64_t slot) {
  for (const auto& engine : engines_) engine->release(slot);
}

void DataParallelEngine::write(const std::string& path, const std::string& header, const std::vector<Source>& sources) const {
  first().write(path, header, sources);
}

Memory DataParallelEngine::memory() const {
  Memory sum{};
  for (const auto& engine : engines_) {
    const Memory m = engine->memory();
    sum.weights += m.weights;
    sum.moments += m.moments;
    sum.gradients += m.gradients;
    sum.slots += m.slots;
    sum.activations += m.activations;
    sum.prefix += m.prefix;
    sum.datasets = m.datasets;  // one copy serves all
  }
  return sum;
}

}  // namespace lrdist::cuda
