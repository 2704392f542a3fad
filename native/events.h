// What a running job hands to the JavaScript thread: the newest step event and, at the end, the outcome.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <variant>
#include <vector>

#include "errors.h"
#include "napi_setup.h"

namespace lrdist {

using Result = std::variant<std::monostate, int64_t, std::vector<float>, std::vector<double>, SegmentResult, Peaks>;
using Outcome = std::variant<Result, Failure>;

// Wakes the JavaScript thread of one environment. Carries nothing: what there is to know lies in the Channel.
//
// Lifetime: the thread-safe function is released by silence(), which runs while the environment lives (on close, on collection by the garbage
// collector, or in a clean-up hook registered after it: hooks run in reverse order, so Node destroys it later). After silence() no answer
// comes any more, even if a ring is still under way.
class Doorbell {
 public:
  using Answer = std::function<void(Napi::Env)>;
  Doorbell(Napi::Env env, Answer answer);
  ~Doorbell();
  Doorbell(const Doorbell&) = delete;
  Doorbell& operator=(const Doorbell&) = delete;

  void ring() const;  // any thread, never blocks; not after silence()

  // JavaScript thread only.
  void hold(bool open) const;  // whether Node stays alive for what is to come
  void silence();

 private:
  struct Link {
    Answer answer;
  };
  static void on_ring(napi_env env, napi_value, void* link, void*);

  napi_env env_;
  napi_threadsafe_function function_ = nullptr;
  Link* link_;  // owned by the thread-safe function
};

// Events are merged: only the newest waits, and JavaScript takes at most one in `report_ms`. The outcome is never held back.
class Channel {
 public:
  explicit Channel(std::function<void()> ring) : ring_(std::move(ring)) {}

  // Compute thread.
  void step(StepEvent&& event);
  void finish(Outcome&& outcome);

  // JavaScript thread.
  struct Mail {
    std::optional<StepEvent> event;
    std::optional<Outcome> outcome;
  };
  void open(double report_ms);  // before a job
  Mail take();
  void delivered();  // after the listener returned: the pause to the next event starts here, so a slow listener is not flooded

 private:
  using Clock = std::chrono::steady_clock;
  const std::function<void()> ring_;
  std::mutex mutex_;
  Mail mail_;
  bool rung_ = false;  // for an event that JavaScript has not taken yet
  Clock::duration gap_{};
  Clock::time_point due_{};  // no event before this
};

}  // namespace lrdist
