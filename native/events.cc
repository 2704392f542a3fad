#include "events.h"

#include <algorithm>

namespace lrdist {

Doorbell::Doorbell(Napi::Env env, Answer answer) : env_(env), link_(new Link{std::move(answer)}) {
  const auto forget = [](napi_env, void* link, void*) { delete static_cast<Link*>(link); };
  const napi_value name = Napi::String::New(env, "lrdist.session");
  const napi_status status = napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, link_, forget, link_, on_ring, &function_);
  if (status != napi_ok) {
    delete link_;
    throw Error("ERR_NATIVE", "Node could not create a thread-safe function");
  }
  hold(false);
}

Doorbell::~Doorbell() { silence(); }

void Doorbell::ring() const { napi_call_threadsafe_function(function_, nullptr, napi_tsfn_nonblocking); }

void Doorbell::hold(bool open) const {
  if (open) {
    napi_ref_threadsafe_function(env_, function_);
  } else {
    napi_unref_threadsafe_function(env_, function_);
  }
}

void Doorbell::silence() {
  if (function_ == nullptr) return;
  link_->answer = nullptr;
  napi_release_threadsafe_function(function_, napi_tsfn_release);
  function_ = nullptr;
}

void Doorbell::on_ring(napi_env env, napi_value, void* link, void*) {
  if (env == nullptr) return;  // the environment is going; the link may have gone
  // A copy, because the answer may silence this bell.
  const Answer answer = static_cast<Link*>(link)->answer;
  if (answer) answer(env);
}

void Channel::open(double report_ms) {
  std::lock_guard lock(mutex_);
  mail_ = {};
  rung_ = false;
  // A day is as good as never, and cannot overflow the clock.
  gap_ = std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double, std::milli>(std::min(report_ms, 86'400'000.0)));
  due_ = {};
}

void Channel::step(StepEvent&& event) {
  bool due;
  {
    std::lock_guard lock(mutex_);
    mail_.event = std::move(event);
    due = !rung_ && Clock::now() >= due_;
    rung_ = rung_ || due;
  }
  if (due) ring_();
}

void Channel::finish(Outcome&& outcome) {
  {
    std::lock_guard lock(mutex_);
    mail_.outcome = std::move(outcome);
  }
  ring_();
}

Channel::Mail Channel::take() {
  std::lock_guard lock(mutex_);
  Mail mail;
  if (mail_.event && Clock::now() >= due_) {
    mail.event = std::move(mail_.event);
    mail_.event.reset();
    due_ = Clock::time_point::max();  // until delivered() tells
  }
  mail.outcome = std::move(mail_.outcome);
  mail_.outcome.reset();
  rung_ = false;
  return mail;
}

void Channel::delivered() {
  std::lock_guard lock(mutex_);
  due_ = Clock::now() + gap_;
}

}  // namespace lrdist
