// The objects of lib/native/boundary.ts as the structs of core/engine.h, and back. What can be checked without knowing the session is checked
// here; the rest in checks.h.
#pragma once

#include "core/engine.h"
#include "events.h"
#include "napi_setup.h"

namespace lrdist {

SessionSpec read_session_spec(Napi::Value value);
HeadSpec read_head(Napi::Value value);
Ragged read_ragged(Napi::Value value);
std::vector<FileTensor> read_file_tensors(Napi::Value value);
Source read_source(Napi::Value value);
std::vector<Source> read_sources(Napi::Value value);
Plan read_plan(Napi::Value value);
struct SegmentCall {
  Segment segment;
  double report_ms;
};
SegmentCall read_segment(Napi::Value value);
Evaluation read_evaluation(Napi::Value value);
FisherSpec read_fisher(Napi::Value value);
GradientSpec read_gradient(Napi::Value value);
FitSpec read_fit(Napi::Value value);
Operand read_operand(Napi::Value value, const std::string& field);

Napi::Value to_js(Napi::Env env, const std::vector<ParameterInfo>& parameters);
Napi::Value to_js(Napi::Env env, const Memory& memory);
Napi::Value to_js(Napi::Env env, StepEvent&& event);
Napi::Value to_js(Napi::Env env, SegmentResult&& result);
Napi::Value to_js(Napi::Env env, std::vector<float>&& numbers);
Napi::Value to_js(Napi::Env env, std::vector<double>&& numbers);

}  // namespace lrdist
