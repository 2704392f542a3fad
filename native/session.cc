#include "session.h"

#include "convert.h"
#include "errors.h"

namespace lrdist {

struct Session::Pending {
  explicit Pending(Napi::Env env) : deferred(Napi::Promise::Deferred::New(env)), site(env) {}
  Napi::Promise::Deferred deferred;
  CallSite site;
  std::function<Napi::Value(Napi::Env, Result&&)> finish;
  Napi::FunctionReference on_event;
};

void Environment::halt_all() {
  const std::vector<Session*> open(sessions.begin(), sessions.end());  // halt() takes its session out
  for (Session* session : open) session->halt(true);
}

namespace {

// Registered after the session's thread-safe function, so it runs before Node destroys that one.
void clean_up(void* session) { static_cast<Session*>(session)->halt(false); }

}  // namespace

Session::Session(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Session>(info) {
  const Napi::Env env = info.Env();
  guarded(env, [&] {
    const SessionSpec spec = read_session_spec(info[0]);
    check_replicas(spec.model, spec.replicas, "spec.replicas");
    check_heads(spec.model, spec.heads, "spec.heads");
    auto shared = std::make_shared<Shared>(spec, [this] { bell_->ring(); });
    facts_ = {spec.model, spec.heads, shared->engine->replicas(), shared->engine->parameters(), {}, {}, {}};
    if (spec.matmul != "auto") shared->matmul = shared->engine->matmul();
    threads_ = spec.threads;
    bell_ = std::make_unique<Doorbell>(env, [this](Napi::Env now) { answer(now); });
    environment_ = env.GetInstanceData<Environment>();
    environment_->sessions.insert(this);
    napi_add_env_cleanup_hook(env, clean_up, this);
    if (spec.device.starts_with("cuda")) own_thread_ = ComputeThread::of_device();
    shared_ = std::move(shared);
    report_memory();
  });
}

Session::~Session() { halt(true); }

void Session::halt(bool env_lives) {
  if (!shared_) return;
  shared_->engine->stop = true;
  if (last_job_) thread().withdraw(last_job_);
  last_job_.reset();
  bell_->silence();
  environment_->sessions.erase(this);
  if (own_thread_) ComputeThread::end(std::move(own_thread_), [shared = shared_] { shared->engine.reset(); });  // the device belongs to that thread
  shared_.reset();  // frees the engine
  facts_ = {};
  if (!env_lives) {
    pending_.reset();
    return;
  }
  report_memory();
  napi_remove_env_cleanup_hook(Env(), clean_up, this);
  if (!pending_) return;
  const Napi::HandleScope scope(Env());
  const std::unique_ptr<Pending> pending = std::move(pending_);
  Unref();
  try {
    pending->deferred.Reject(pending->site.fill({"ERR_DISPOSED", "the session was closed while this call was running"}));
  } catch (const Napi::Error&) {
    // JavaScript can run no more here: the environment is being terminated.
  }
}

Napi::Value Session::promised(const Napi::CallbackInfo& info, const std::function<Job()>& read) {
  auto pending = std::make_unique<Pending>(info.Env());
  const Napi::Promise::Deferred deferred = pending->deferred;
  try {
    require_idle();
    try {
      submit(std::move(pending), read());
    } catch (const Napi::Error& thrown) {
      deferred.Reject(thrown.Value());  // by JavaScript: a getter among the arguments
    }
  } catch (...) {
    deferred.Reject(js_error(info.Env(), current_failure()).Value());
  }
  return deferred.Promise();
}

void Session::submit(std::unique_ptr<Pending> pending, Job&& job) {
  auto work = [shared = shared_, thread = &thread(), threads = threads_, run = std::move(job.work), runs_when_stopped = job.runs_when_stopped] {
    Outcome outcome;
    try {
      if (shared->engine->stop && !runs_when_stopped) throw Error("ERR_STOPPED", "stopped before it began");
      thread->use_threads(threads);
      const profile::InForce recording(shared->recorder.get());
      if (!shared->matmul) shared->matmul = shared->engine->matmul();
      outcome = run(*shared->engine, shared->channel);
    } catch (...) {
      outcome = current_failure();
    }
    shared->channel.finish(std::move(outcome));
  };
  pending->finish = std::move(job.finish);
  if (!job.on_event.IsEmpty()) pending->on_event = Napi::Persistent(job.on_event);
  shared_->engine->stop = false;
  shared_->channel.open(job.report_ms);
  last_job_ = thread().submit(std::move(work));
  pending_ = std::move(pending);
  bell_->hold(true);
  Ref();
}

void Session::answer(Napi::Env env) {
  if (!pending_) return;  // a late ring of a job that is settled
  Channel::Mail mail = shared_->channel.take();
  if (mail.event) deliver(env, std::move(*mail.event));
  if (!pending_) return;  // the listener has closed the session
  if (mail.event) shared_->channel.delivered();
  if (mail.outcome) settle(env, std::move(*mail.outcome));
}

void Session::deliver(Napi::Env env, StepEvent&& event) {
  if (pending_->on_event.IsEmpty()) return;
  try {
    const Napi::Function listener = pending_->on_event.Value();
    listener.Call({to_js(env, std::move(event))});
  } catch (const Napi::Error& thrown) {
    // The listener's own mistake: to 'uncaughtException', as for every callback that Node calls. The job goes on.
    napi_fatal_exception(env, thrown.Value());
  }
}

void Session::settle(Napi::Env env, Outcome&& outcome) {
  const Napi::HandleScope scope(env);
  [[maybe_unused]] const Napi::Object self = Value();  // keeps this object until the end of the scope
  const std::unique_ptr<Pending> pending = std::move(pending_);
  bell_->hold(false);
  Unref();
  try {
    try {
      report_memory();
      if (Failure* failure = std::get_if<Failure>(&outcome)) {
        pending->deferred.Reject(pending->site.fill(*failure));
      } else {
        pending->deferred.Resolve(pending->finish(env, std::move(std::get<Result>(outcome))));
      }
    } catch (const Napi::Error& thrown) {
      pending->deferred.Reject(thrown.Value());
    } catch (...) {
      pending->deferred.Reject(pending->site.fill(current_failure()));
    }
  } catch (const Napi::Error&) {
    // JavaScript can run no more here: the environment is being terminated.
  }
}

void Session::require_idle() const {
  if (!shared_) throw Error("ERR_DISPOSED", "the session has been closed");
  if (pending_) throw Error("ERR_BUSY", "the session is still working on an earlier call; await that first");
}

// V8 collects sooner when it knows how much memory hangs on its objects; a GPU's is not of that kind.
void Session::report_memory() {
  int64_t bytes = 0;
  if (shared_) {
    const Memory m = shared_->engine->memory();
    bytes = own_thread_ ? m.datasets : m.weights + m.moments + m.gradients + m.slots + m.datasets + m.activations + m.prefix;
  }
  int64_t ignored;
  napi_adjust_external_memory(Env(), bytes - reported_bytes_, &ignored);
  reported_bytes_ = bytes;
}

}  // namespace lrdist
