// Where the time of an engine's jobs goes. A recorder is in force on the compute thread while a job runs; phases nest, kernels lie within
// them. Without a recorder every scope costs a branch.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string_view>
#include <tuple>
#include <vector>

#include "../kernels/scope.h"

namespace lrdist::profile {

// Sums over all calls of one kernel (or, with an empty kernel, over all runs of one phase with what lies within it).
struct Row {
  std::string_view job, phase, kernel;  // string literals
  int64_t layer, columns, inner;        // layer -1: none
  int64_t count = 0;
  double seconds = 0, flops = 0, bytes = 0;
};

struct Event {
  std::chrono::nanoseconds start, duration;  // start: since the recorder was made
  int32_t row, step, replica, rows;          // step and replica -1: none; rows of the matrix
};

struct Profile {
  std::vector<Row> rows;
  std::vector<Event> events;  // the newest ones, oldest first by their ends
  int64_t dropped = 0;        // older events
};

class Recorder final : public kernels::Recorder {
 public:
  explicit Recorder(int64_t most_events) : most_events_(static_cast<size_t>(most_events)) {}

  void begin_kernel() override;
  void end_kernel(const char* kernel, const kernels::Work& work) override;
  void begin_phase(const char* name, int64_t layer);
  void end_phase();
  void at(int64_t step, int64_t replica);

  Profile take();

 private:
  using Clock = std::chrono::steady_clock;
  struct Frame {
    std::string_view name;
    int64_t layer;
    Clock::time_point start;
    int again = 0;  // a phase within itself is part of it
  };
  using Key = std::tuple<std::string_view, std::string_view, int64_t, std::string_view, int64_t, int64_t>;

  void book(std::string_view kernel, const kernels::Work& work, Clock::time_point start, Clock::time_point end);

  const size_t most_events_;
  const Clock::time_point origin_ = Clock::now();
  std::vector<Frame> phases_;  // the first is the job
  int kernel_depth_ = 0;       // a kernel that another one calls is part of that one
  Clock::time_point kernel_start_;
  int32_t step_ = -1, replica_ = -1;
  std::map<Key, int32_t> row_of_;
  std::vector<Row> rows_;
  std::vector<Event> ring_;
  size_t events_ = 0;
};

// Puts a recorder (or none) in force on this thread.
class InForce {
 public:
  explicit InForce(Recorder* recorder) { kernels::recorder = recorder; }
  ~InForce() { kernels::recorder = nullptr; }
  InForce(const InForce&) = delete;
  InForce& operator=(const InForce&) = delete;
};

inline Recorder* recorder() { return static_cast<Recorder*>(kernels::recorder); }

class Phase {
 public:
  explicit Phase(const char* name, int64_t layer = -1) : recorder_(recorder()) {
    if (recorder_) recorder_->begin_phase(name, layer);
  }
  ~Phase() {
    if (recorder_) recorder_->end_phase();
  }
  Phase(const Phase&) = delete;
  Phase& operator=(const Phase&) = delete;

 private:
  Recorder* const recorder_;
};

// The step and replica that the next events belong to.
inline void at(int64_t step, int64_t replica) {
  if (Recorder* r = recorder()) r->at(step, replica);
}

}  // namespace lrdist::profile
