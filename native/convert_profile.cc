#include "convert_profile.h"

#include <algorithm>
#include <string>

#include "fields.h"

namespace lrdist {
namespace {

Napi::Value text(Napi::Env env, std::string_view value) { return Napi::String::New(env, value.data(), value.size()); }

Napi::Object row_to_js(Napi::Env env, const profile::Row& row) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("job", text(env, row.job));
  object.Set("phase", text(env, row.phase));
  object.Set("layer", static_cast<double>(row.layer));
  object.Set("kernel", text(env, row.kernel));
  object.Set("columns", static_cast<double>(row.columns));
  object.Set("inner", static_cast<double>(row.inner));
  object.Set("count", static_cast<double>(row.count));
  object.Set("seconds", row.seconds);
  object.Set("flops", row.flops);
  object.Set("bytes", row.bytes);
  return object;
}

// One field of all events as a typed array.
template <class Array, class F>
Array column(Napi::Env env, const std::vector<profile::Event>& events, const F& field) {
  Array array = Array::New(env, events.size());
  for (size_t i = 0; i < events.size(); ++i) array[i] = field(events[i]);
  return array;
}

double microseconds(std::chrono::nanoseconds time) { return static_cast<double>(time.count()) / 1000; }

Napi::Object events_to_js(Napi::Env env, const std::vector<profile::Event>& events) {
  using profile::Event;
  Napi::Object object = Napi::Object::New(env);
  object.Set("start", column<Napi::Float64Array>(env, events, [](const Event& e) { return microseconds(e.start); }));
  object.Set("duration", column<Napi::Float64Array>(env, events, [](const Event& e) { return microseconds(e.duration); }));
  object.Set("row", column<Napi::Int32Array>(env, events, [](const Event& e) { return e.row; }));
  object.Set("step", column<Napi::Int32Array>(env, events, [](const Event& e) { return e.step; }));
  object.Set("replica", column<Napi::Int32Array>(env, events, [](const Event& e) { return e.replica; }));
  object.Set("matrixRows", column<Napi::Int32Array>(env, events, [](const Event& e) { return e.rows; }));
  return object;
}

}  // namespace

PeakSpec read_peak_spec(Napi::Value value) {
  const Fields f(value, "peaks");
  PeakSpec spec;
  const std::vector<int32_t> sizes = f.numbers<int32_t>("shapes");
  if (sizes.size() % 3 != 0) refuse(f.path("shapes"), "expected three numbers for each shape");
  for (size_t i = 0; i < sizes.size(); i += 3) spec.shapes.push_back({sizes[i], sizes[i + 1], sizes[i + 2]});
  for (const PeakShape& s : spec.shapes)
    if (std::min({s.m, s.n, s.k}) < 1 || std::max({s.m, s.n, s.k}) > 1 << 20) refuse(f.path("shapes"), "expected sizes from 1 to 1048576");
  spec.precision = f.choice<Precision>("precision", {{"fp32", Precision::fp32}, {"bf16", Precision::bf16}});
  spec.rounds = f.integer("rounds", 1, 1000);
  return spec;
}

Napi::Value to_js(Napi::Env env, profile::Profile&& profile) {
  Napi::Array rows = Napi::Array::New(env, profile.rows.size());
  for (uint32_t i = 0; i < profile.rows.size(); ++i) {
    const Napi::HandleScope scope(env);
    rows.Set(i, row_to_js(env, profile.rows[i]));
  }
  Napi::Object object = Napi::Object::New(env);
  object.Set("rows", rows);
  object.Set("events", events_to_js(env, profile.events));
  object.Set("dropped", static_cast<double>(profile.dropped));
  return object;
}

Napi::Value to_js(Napi::Env env, Peaks&& peaks) {
  Napi::Array libraries = Napi::Array::New(env, peaks.libraries.size());
  for (uint32_t i = 0; i < peaks.libraries.size(); ++i) libraries.Set(i, peaks.libraries[i]);
  Napi::Object object = Napi::Object::New(env);
  object.Set("libraries", libraries);
  object.Set("flopsPerSecond", to_js(env, std::move(peaks.flops_per_second)));
  object.Set("copyBytesPerSecond", peaks.copy_bytes_per_second);
  return object;
}

}  // namespace lrdist
