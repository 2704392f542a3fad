// The methods of Session that measure: the profile of its jobs, and what the machine can do.
#include "convert_profile.h"
#include "errors.h"
#include "fields.h"
#include "session.h"

namespace lrdist {

void Session::start_profile(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] {
    const int64_t events = Fields(info[0], "options").integer("events", 0, most_profile_events);
    require_idle();
    shared_->recorder = std::make_unique<profile::Recorder>(events);
  });
}

Napi::Value Session::take_profile(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    require_idle();
    if (!shared_->recorder) throw Error("ERR_INVALID_OPTION", "takeProfile: startProfile comes first");
    const std::unique_ptr<profile::Recorder> recorder = std::move(shared_->recorder);
    return to_js(info.Env(), recorder->take());
  });
}

Napi::Value Session::measure_peaks(const Napi::CallbackInfo& info) {
  return promised(info, [&] {
    PeakSpec spec = read_peak_spec(info[0]);
    require_idle();
    return Job{.work = [spec = std::move(spec)](Engine& engine, Channel&) { return engine.measure_peaks(spec); },
               .finish = [](Napi::Env env, Result&& result) { return to_js(env, std::move(std::get<Peaks>(result))); }};
  });
}

}  // namespace lrdist
