// The JavaScript class Session: owns an engine, hands its jobs to the compute thread, settles their promises.
//
// Every member is used on the JavaScript thread alone, except what lies in Shared, which a running job uses. A pending job holds the JavaScript
// object and keeps Node alive; closeSync(), the destructor, the environment's clean-up hook and the process's 'exit' event all lead to halt().
#pragma once

#include <memory>
#include <optional>
#include <unordered_set>

#include "checks.h"
#include "core/compute_thread.h"
#include "core/profile.h"
#include "events.h"
#include "napi_setup.h"

namespace lrdist {

class Session;

// Instance data: the sessions of one JavaScript environment (the main thread or a worker thread) that are still open.
struct Environment {
  std::unordered_set<Session*> sessions;
  void halt_all();
};

class Session : public Napi::ObjectWrap<Session> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit Session(const Napi::CallbackInfo& info);
  ~Session() override;

  // Stops, takes a waiting job back or waits for the running one, frees the engine. Idempotent. A pending promise is rejected if `env_lives`.
  void halt(bool env_lives);

 private:
  struct Shared {
    Shared(const SessionSpec& spec, std::function<void()> ring) : engine(make_engine(spec)), channel(std::move(ring)) {}
    std::unique_ptr<Engine> engine;
    Channel channel;
    std::optional<std::string> matmul;  // the libraries, once a job has measured it: measuring is computing
    std::unique_ptr<profile::Recorder> recorder;  // of the jobs, while a profile is made
  };

  // What a method that gives a promise asks for.
  struct Job {
    std::function<Result(Engine&, Channel&)> work;           // on the compute thread
    std::function<Napi::Value(Napi::Env, Result&&)> finish;  // on the JavaScript thread, if the work succeeded
    Napi::Function on_event = {};
    double report_ms = 0;
    bool runs_when_stopped = false;  // answers a stop before its start by itself, instead of with ERR_STOPPED
  };
  struct Pending;

  // `read` reads the arguments and checks them; whatever goes wrong rejects the promise, nothing is thrown.
  Napi::Value promised(const Napi::CallbackInfo& info, const std::function<Job()>& read);
  void submit(std::unique_ptr<Pending> pending, Job&& job);
  void end_pending();
  void answer(Napi::Env env);
  void deliver(Napi::Env env, StepEvent&& event);
  void settle(Napi::Env env, Outcome&& outcome);
  void require_idle() const;
  void report_memory();
  Napi::Value new_slot(Napi::Env env, int64_t slot, SlotKind kind);
  Engine& engine() { return *shared_->engine; }
  ComputeThread& thread() { return own_thread_ ? *own_thread_ : ComputeThread::of_process(); }

  Napi::Value parameters(const Napi::CallbackInfo& info);
  Napi::Value matmul(const Napi::CallbackInfo& info);
  Napi::Value replicas(const Napi::CallbackInfo& info);
  Napi::Value add_head(const Napi::CallbackInfo& info);
  Napi::Value add_dataset(const Napi::CallbackInfo& info);
  void remove_dataset(const Napi::CallbackInfo& info);
  Napi::Value load(const Napi::CallbackInfo& info);
  Napi::Value initialize(const Napi::CallbackInfo& info);
  void set_plan(const Napi::CallbackInfo& info);
  Napi::Value train(const Napi::CallbackInfo& info);
  Napi::Value evaluate(const Napi::CallbackInfo& info);
  Napi::Value fisher(const Napi::CallbackInfo& info);
  Napi::Value gradient(const Napi::CallbackInfo& info);
  Napi::Value compare(const Napi::CallbackInfo& info);
  Napi::Value set_replicas(const Napi::CallbackInfo& info);
  Napi::Value fit(const Napi::CallbackInfo& info);
  Napi::Value snapshot(const Napi::CallbackInfo& info);
  Napi::Value restore(const Napi::CallbackInfo& info);
  void release(const Napi::CallbackInfo& info);
  Napi::Value read(const Napi::CallbackInfo& info);
  Napi::Value write(const Napi::CallbackInfo& info);
  Napi::Value memory(const Napi::CallbackInfo& info);
  void start_profile(const Napi::CallbackInfo& info);
  Napi::Value take_profile(const Napi::CallbackInfo& info);
  Napi::Value measure_peaks(const Napi::CallbackInfo& info);
  void request_stop(const Napi::CallbackInfo& info);
  void close_sync(const Napi::CallbackInfo& info);

  Environment* environment_ = nullptr;
  Facts facts_;
  int threads_ = 1;
  std::unique_ptr<Doorbell> bell_;
  std::shared_ptr<Shared> shared_;  // null once halted
  std::unique_ptr<Pending> pending_;
  std::unique_ptr<ComputeThread> own_thread_;  // of a session on a GPU
  ComputeThread::Ticket last_job_;  // kept when settled: its last lines may still be running
  int64_t reported_bytes_ = 0;  // to V8
};

}  // namespace lrdist
