// Data-parallel training: the ranks of a group are devices that do one job together, each with a thread and a whole copy of the state. All take the same
// steps, each with its share of the rows; what they need of each other goes through a Communicator.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "../engine.h"
#include "communicator.h"

namespace lrdist::cuda {

// What a rank's wait ends with when another one has failed.
struct PeerFailed : Error {
  PeerFailed() : Error("ERR_DEVICE_LOST", "another device of the job failed") {}
};

class Group {
 public:
  // `stop` ends the jobs of all ranks.
  Group(int size, const std::atomic<bool>& stop) : size_(size), stop_(stop), reductions_(static_cast<size_t>(size)) {}

  int size() const { return size_; }
  const std::atomic<bool>& stop() const { return stop_; }

  // While no rank is at work. After a failure it makes the group usable again; communicators have to be made anew then.
  void begin_job();
  // Before part `step` (0, 1, ...) of a job: whether it is to be done. Rank 0 says so for all, by `go`; the others wait for it. The ranks' queues do not wait.
  bool agree(int rank, int64_t step, bool go);
  // The highest part that was to be done, -1: none.
  int64_t agreed() const;
  // Returns once all ranks have called it.
  void meet() { meet(false); }
  // On a rank that failed, so that no other waits for it: their waits end with PeerFailed.
  void abort() noexcept;

  // Sums in memory that all ranks reach, done by the ranks together when all have come.
  void reduce(int rank, const std::vector<Reduction>& what);

  // Counts failures: a communicator lives as long as its number.
  int64_t generation() const;
  // The same on every rank: made by the first that asks, and anew once all have asked.
  std::vector<char> id(const std::function<std::vector<char>()>& make);
  // To be told of a failure. False if there was one already.
  bool add(Communicator& one);
  void remove(Communicator& one);

 private:
  void meet(bool all_will_come);

  const int size_;
  const std::atomic<bool>& stop_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool aborted_ = false;
  int telling_ = 0;  // calls of abort() that are under way
  int64_t generation_ = 0;
  int64_t agreed_ = -1;
  bool ended_ = false;  // agreed_ was the last part
  int present_ = 0;
  int64_t meetings_ = 0;
  std::vector<char> id_;
  int id_given_ = 0;
  std::vector<Communicator*> communicators_;
  std::vector<const std::vector<Reduction>*> reductions_;  // [ranks]
};

// Of what the ranks ended with (null: well), what went wrong first: not that others failed because of it. Null if nothing did.
std::exception_ptr cause_of(const std::vector<std::exception_ptr>& failures);

// A rank of a group.
struct Rank {
  std::shared_ptr<Group> group;
  int index = 0;
  int size() const { return group ? group->size() : 1; }
};

}  // namespace lrdist::cuda
