#include "group.h"

#include <algorithm>

namespace lrdist::cuda {
namespace {

template <class T, class F>
void reduce_part(const std::vector<const std::vector<Reduction>*>& of_ranks, size_t which, int rank, const F& combine) {
  const int64_t count = (*of_ranks.front())[which].count, ranks = static_cast<int64_t>(of_ranks.size());
  const int64_t begin = count * rank / ranks, end = count * (rank + 1) / ranks;
  const auto at = [&](size_t r) { return static_cast<T*>((*of_ranks[r])[which].data); };
  for (int64_t i = begin; i < end; ++i) {
    T value = at(0)[i];
    for (size_t r = 1; r < of_ranks.size(); ++r) value = combine(value, at(r)[i]);
    for (size_t r = 0; r < of_ranks.size(); ++r) at(r)[i] = value;
  }
}

}  // namespace

std::exception_ptr cause_of(const std::vector<std::exception_ptr>& failures) {
  std::exception_ptr cause;
  for (const std::exception_ptr& failure : failures) {
    if (!failure) continue;
    try {
      std::rethrow_exception(failure);
    } catch (const PeerFailed&) {
      if (!cause) cause = failure;
    } catch (...) {
      return failure;
    }
  }
  return cause;
}

void Group::begin_job() {
  const std::lock_guard<std::mutex> lock(mutex_);
  agreed_ = -1;
  ended_ = false;
  if (!aborted_) return;
  aborted_ = false;
  present_ = 0;
  id_given_ = 0;
  ++generation_;
}

bool Group::agree(int rank, int64_t step, bool go) {
  std::unique_lock<std::mutex> lock(mutex_);
  if (rank == 0) {
    if (aborted_) throw PeerFailed();
    if (go) agreed_ = step;
    else ended_ = true;
    changed_.notify_all();
    return go;
  }
  changed_.wait(lock, [&] { return aborted_ || agreed_ >= step || ended_; });
  if (aborted_) throw PeerFailed();
  return agreed_ >= step;
}

int64_t Group::agreed() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return agreed_;
}

void Group::meet(bool all_will_come) {
  std::unique_lock<std::mutex> lock(mutex_);
  const auto failed = [&] { return aborted_ && !all_will_come; };
  if (failed()) throw PeerFailed();
  const int64_t meeting = meetings_;
  if (++present_ == size_) {
    present_ = 0;
    ++meetings_;
    changed_.notify_all();
    return;
  }
  changed_.wait(lock, [&] { return failed() || meetings_ != meeting; });
  if (meetings_ == meeting) throw PeerFailed();
}

void Group::abort() noexcept {
  std::vector<Communicator*> told;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    aborted_ = true;
    told = communicators_;
    ++telling_;
    changed_.notify_all();
  }
  for (Communicator* one : told) one->abort();
  const std::lock_guard<std::mutex> lock(mutex_);
  --telling_;
  changed_.notify_all();
}

void Group::reduce(int rank, const std::vector<Reduction>& what) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    reductions_[static_cast<size_t>(rank)] = &what;
  }
  meet(false);
  for (size_t i = 0; i < what.size(); ++i) {
    switch (what[i].kind) {
      case ReductionKind::sum_f32: reduce_part<float>(reductions_, i, rank, [](float a, float b) { return a + b; }); break;
      case ReductionKind::sum_f64: reduce_part<double>(reductions_, i, rank, [](double a, double b) { return a + b; }); break;
      case ReductionKind::max_u32: reduce_part<unsigned>(reductions_, i, rank, [](unsigned a, unsigned b) { return std::max(a, b); }); break;
    }
  }
  meet(true);  // no rank fails in between, and none may leave while others write to its memory
}

int64_t Group::generation() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return generation_;
}

std::vector<char> Group::id(const std::function<std::vector<char>()>& make) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (id_given_ == 0) id_ = make();
  id_given_ = (id_given_ + 1) % size_;
  return id_;
}

bool Group::add(Communicator& one) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!aborted_) communicators_.push_back(&one);
  return !aborted_;
}

void Group::remove(Communicator& one) {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [&] { return telling_ == 0; });  // it may be one of those
  communicators_.erase(std::remove(communicators_.begin(), communicators_.end(), &one), communicators_.end());
}

}  // namespace lrdist::cuda
