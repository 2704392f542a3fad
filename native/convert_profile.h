// As convert.h, for what measures.
#pragma once

#include "convert.h"
#include "core/profile.h"

namespace lrdist {

inline constexpr int64_t most_profile_events = 10'000'000;

PeakSpec read_peak_spec(Napi::Value value);

Napi::Value to_js(Napi::Env env, profile::Profile&& profile);
Napi::Value to_js(Napi::Env env, Peaks&& peaks);

}  // namespace lrdist
