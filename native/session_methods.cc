// The methods of Session as lib/native/boundary.ts has them. Each reads its arguments, which may run JavaScript; only then asks whether the
// session is idle; then checks the arguments against the session and acts.
#include "convert.h"
#include "errors.h"
#include "fields.h"
#include "session.h"

namespace lrdist {
namespace {

Napi::Value nothing(Napi::Env env, Result&&) { return env.Undefined(); }

Napi::Value floats(Napi::Env env, Result&& result) { return to_js(env, std::move(std::get<std::vector<float>>(result))); }

}  // namespace

Napi::Function Session::define(Napi::Env env) {
  return DefineClass(env, "Session",
                     {InstanceMethod<&Session::parameters>("parameters"), InstanceMethod<&Session::matmul>("matmul"),
                      InstanceMethod<&Session::replicas>("replicas"), InstanceMethod<&Session::add_head>("addHead"),
                      InstanceMethod<&Session::add_dataset>("addDataset"), InstanceMethod<&Session::remove_dataset>("removeDataset"),
                      InstanceMethod<&Session::load>("load"), InstanceMethod<&Session::initialize>("initialize"),
                      InstanceMethod<&Session::set_plan>("setPlan"), InstanceMethod<&Session::train>("train"),
                      InstanceMethod<&Session::evaluate>("evaluate"), InstanceMethod<&Session::fisher>("fisher"),
                      InstanceMethod<&Session::gradient>("gradient"), InstanceMethod<&Session::compare>("compare"),
                      InstanceMethod<&Session::set_replicas>("setReplicas"), InstanceMethod<&Session::fit>("fit"), InstanceMethod<&Session::snapshot>("snapshot"),
                      InstanceMethod<&Session::restore>("restore"), InstanceMethod<&Session::release>("release"),
                      InstanceMethod<&Session::read>("read"), InstanceMethod<&Session::write>("write"),
                      InstanceMethod<&Session::memory>("memory"), InstanceMethod<&Session::start_profile>("startProfile"),
                      InstanceMethod<&Session::take_profile>("takeProfile"), InstanceMethod<&Session::measure_peaks>("measurePeaks"),
                      InstanceMethod<&Session::request_stop>("requestStop"),
                      InstanceMethod<&Session::close_sync>("closeSync")});
}

Napi::Value Session::parameters(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    require_idle();
    return to_js(info.Env(), facts_.parameters);
  });
}

Napi::Value Session::matmul(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    require_idle();
    return Napi::String::New(info.Env(), shared_->matmul ? *shared_->matmul : engine().matmul());
  });
}

Napi::Value Session::replicas(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    require_idle();
    return Napi::Number::New(info.Env(), static_cast<double>(facts_.replicas));
  });
}

Napi::Value Session::memory(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    require_idle();
    return to_js(info.Env(), engine().memory());
  });
}

Napi::Value Session::add_head(const Napi::CallbackInfo& info) {
  return promised(info, [&] {
    const HeadSpec head = read_head(info[0]);
    require_idle();
    std::vector<HeadSpec> heads = facts_.heads;
    heads.push_back(head);
    check_heads(facts_.model, heads, "head");
    return Job{.work = [head](Engine& engine, Channel&) { return engine.add_head(head); },
               .finish =
                   [this, heads](Napi::Env env, Result&& index) -> Napi::Value {
                     facts_.heads = heads;
                     facts_.parameters = engine().parameters();
                     facts_.plan.reset();
                     return Napi::Number::New(env, static_cast<double>(std::get<int64_t>(index)));
                   }};
  });
}

Napi::Value Session::add_dataset(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    Ragged data = read_ragged(info[0]);
    require_idle();
    check_ragged(facts_, data);
    DatasetFacts facts{data.labels, data.offsets};
    const int64_t handle = engine().add_dataset(std::move(data));
    facts_.datasets[handle] = std::move(facts);
    report_memory();
    return Napi::Number::New(info.Env(), static_cast<double>(handle));
  });
}

void Session::remove_dataset(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] {
    const int64_t dataset = integer(info[0], "dataset", 0, max_safe_integer);
    require_idle();
    check_dataset(facts_, dataset, "dataset");
    engine().remove_dataset(dataset);
    facts_.datasets.erase(dataset);
    report_memory();
  });
}

Napi::Value Session::load(const Napi::CallbackInfo& info) {
  return promised(info, [&] {
    std::vector<FileTensor> tensors = read_file_tensors(info[0]);
    require_idle();
    check_file_tensors(facts_, tensors);
    return Job{.work = [tensors = std::move(tensors)](Engine& engine, Channel&) { return engine.load(tensors), Result(); }, .finish = nothing};
  });
}

Napi::Value Session::initialize(const Napi::CallbackInfo& info) {
  return promised(info, [&] {
    std::vector<int32_t> parameters = numbers<int32_t>(info[0], "parameters");
    const double std = number(info[1], "std", 0, 1e6);
    const auto seed = static_cast<uint64_t>(integer(info[2], "seed", 0, max_safe_integer));
    require_idle();
    check_parameters(facts_, parameters, "parameters");
    return Job{.work = [parameters = std::move(parameters), std, seed](Engine& engine,
                                                                       Channel&) { return engine.initialize(parameters, std, seed), Result(); },
               .finish = nothing};
  });
}

void Session::set_plan(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] {
    Plan plan = read_plan(info[0]);
    require_idle();
    check_plan(facts_, plan);
    const int64_t groups = plan.groups;
    engine().set_plan(std::move(plan));
    facts_.plan = PlanFacts{groups};
    report_memory();
  });
}

Napi::Value Session::train(const Napi::CallbackInfo& info) {
  return promised(info, [&] {
    SegmentCall call = read_segment(info[0]);
    if (!info[1].IsFunction()) refuse("onEvent", "a function", info[1]);
    require_idle();
    check_segment(facts_, call.segment);
    return Job{.work =
                   [segment = std::move(call.segment)](Engine& engine, Channel& channel) {
                     return engine.train(segment, [&](StepEvent&& event) { channel.step(std::move(event)); });
                   },
               .finish = [](Napi::Env env, Result&& result) { return to_js(env, std::move(std::get<SegmentResult>(result))); },
               .on_event = info[1].As<Napi::Function>(),
               .report_ms = call.report_ms,
               .runs_when_stopped = true};
  });
}

Napi::Value Session::evaluate(const Napi::CallbackInfo& info) {
  return promised(info, [&] {
    Evaluation evaluation = read_evaluation(info[0]);
    require_idle();
    check_evaluation(facts_, evaluation);
    return Job{.work = [evaluation = std::move(evaluation)](Engine& engine, Channel&) { return engine.evaluate(evaluation); }, .finish = floats};
  });
}

Napi::Value Session::fisher(const Napi::CallbackInfo& info) {
  return promised(info, [&] {
    FisherSpec fisher = read_fisher(info[0]);
    require_idle();
    check_fisher(facts_, fisher);
    return Job{.work = [fisher = std::move(fisher)](Engine& engine, Channel&) { return engine.fisher(fisher); },
               .finish = [this](Napi::Env env, Result&& slot) { return new_slot(env, std::get<int64_t>(slot), SlotKind::values); }};
  });
}

Napi::Value Session::gradient(const Napi::CallbackInfo& info) {
  return promised(info, [&] {
    GradientSpec gradient = read_gradient(info[0]);
    require_idle();
    check_gradient(facts_, gradient);
    return Job{.work = [gradient = std::move(gradient)](Engine& engine, Channel&) { return engine.gradient(gradient); },
               .finish = [this](Napi::Env env, Result&& slot) { return new_slot(env, std::get<int64_t>(slot), SlotKind::values); }};
  });
}

Napi::Value Session::compare(const Napi::CallbackInfo& info) {
  return promised(info, [&] {
    const Operand a = read_operand(info[0], "a"), b = read_operand(info[1], "b");
    require_idle();
    check_operand(facts_, a, "a");
    check_operand(facts_, b, "b");
    return Job{.work = [a, b](Engine& engine, Channel&) { return engine.compare(a, b); },
               .finish = [](Napi::Env env, Result&& result) { return to_js(env, std::move(std::get<std::vector<double>>(result))); }};
  });
}

Napi::Value Session::set_replicas(const Napi::CallbackInfo& info) {
  return promised(info, [&] {
    std::vector<int32_t> order = numbers<int32_t>(info[0], "order");
    require_idle();
    check_order(facts_, order);
    return Job{.work = [order = std::move(order)](Engine& engine, Channel&) { return engine.set_replicas(order), Result(); },
               .finish =
                   [this](Napi::Env env, Result&&) {
                     facts_.replicas = engine().replicas();
                     facts_.plan.reset();
                     return env.Undefined();
                   }};
  });
}

Napi::Value Session::fit(const Napi::CallbackInfo& info) {
  return promised(info, [&] {
    const FitSpec spec = read_fit(info[0]);
    require_idle();
    return Job{.work = [spec](Engine& engine, Channel&) { return engine.fit(spec); },
               .finish = [](Napi::Env env, Result&& count) -> Napi::Value { return Napi::Number::New(env, static_cast<double>(std::get<int64_t>(count))); }};
  });
}

Napi::Value Session::new_slot(Napi::Env env, int64_t slot, SlotKind kind) {
  facts_.slots[slot] = kind;
  return Napi::Number::New(env, static_cast<double>(slot));
}

Napi::Value Session::snapshot(const Napi::CallbackInfo& info) {
  return promised(info, [&] {
    const bool all = choice<bool>(info[0], "what", {{"weights", false}, {"all", true}});
    require_idle();
    return Job{.work = [all](Engine& engine, Channel&) { return engine.snapshot(all); },
               .finish = [this](Napi::Env env, Result&& slot) { return new_slot(env, std::get<int64_t>(slot), SlotKind::snapshot); }};
  });
}

Napi::Value Session::restore(const Napi::CallbackInfo& info) {
  return promised(info, [&] {
    const int64_t slot = integer(info[0], "slot", 0, max_safe_integer);
    require_idle();
    check_restorable(facts_, slot, "slot");
    return Job{.work = [slot](Engine& engine, Channel&) { return engine.restore(slot), Result(); }, .finish = nothing};
  });
}

void Session::release(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] {
    const int64_t slot = integer(info[0], "slot", 0, max_safe_integer);
    require_idle();
    check_slot(facts_, slot, "slot");
    engine().release(slot);
    facts_.slots.erase(slot);
    report_memory();
  });
}

Napi::Value Session::read(const Napi::CallbackInfo& info) {
  return promised(info, [&] {
    const Source source = read_source(info[0]);
    require_idle();
    check_source(facts_, source, "source");
    return Job{.work = [source](Engine& engine, Channel&) { return engine.read(source); }, .finish = floats};
  });
}

Napi::Value Session::write(const Napi::CallbackInfo& info) {
  return promised(info, [&] {
    std::string path = text(info[0], "path", 4096);
    std::string header = text(info[1], "header", 1 << 28);
    std::vector<Source> sources = read_sources(info[2]);
    require_idle();
    for (size_t i = 0; i < sources.size(); ++i) check_source(facts_, sources[i], "sources[" + std::to_string(i) + "]");
    return Job{.work = [path = std::move(path), header = std::move(header), sources = std::move(sources)](
                           Engine& engine, Channel&) { return engine.write(path, header, sources), Result(); },
               .finish = nothing};
  });
}

void Session::request_stop(const Napi::CallbackInfo&) {
  if (pending_) shared_->engine->stop = true;
}

void Session::close_sync(const Napi::CallbackInfo&) { halt(true); }

}  // namespace lrdist
