// The addon's exports: info and Session. State is kept for each JavaScript environment; nothing is static but the compute thread.
#include "errors.h"
#include "napi_setup.h"
#include "session.h"

namespace lrdist {
namespace {

constexpr int boundary_version = 2;  // BOUNDARY_VERSION of lib/native/boundary.ts

Napi::Value info(const Napi::CallbackInfo& call) {
  const Napi::Env env = call.Env();
  return guarded(env, [&]() -> Napi::Value {
    Napi::Object cpu = Napi::Object::New(env);
    cpu.Set("name", "cpu");
    cpu.Set("totalBytes", static_cast<double>(total_memory()));
    Napi::Array devices = Napi::Array::New(env, 1);
    devices.Set(0u, cpu);
    Napi::Object facts = Napi::Object::New(env);
    facts.Set("boundaryVersion", boundary_version);
    facts.Set("libtorchCompiled", libtorch_compiled());
    facts.Set("libtorchLoaded", libtorch_loaded());
    facts.Set("threads", default_threads());
    facts.Set("devices", devices);
    facts.Set("bf16", has_bf16());
    facts.Set("config", libtorch_config());
    return facts;
  });
}

void halt_all(const Napi::CallbackInfo& call) { call.Env().GetInstanceData<Environment>()->halt_all(); }

// On process.exit() and after an uncaught exception of the main thread no clean-up hook runs, and the compute thread must not be inside
// libtorch when the process's static objects are destroyed. The 'exit' event comes in time.
void halt_on_exit(Napi::Env env) {
  const Napi::Value process = env.Global().Get("process");
  if (!process.IsObject()) return;
  const Napi::Value on = process.As<Napi::Object>().Get("on");
  if (!on.IsFunction()) return;
  on.As<Napi::Function>().Call(process, {Napi::String::New(env, "exit"), Napi::Function::New<halt_all>(env, "lrdistHaltSessions")});
}

Napi::Object define(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(new Environment);
  halt_on_exit(env);
  exports.Set("info", Napi::Function::New<info>(env, "info"));
  exports.Set("Session", Session::define(env));
  return exports;
}

}  // namespace
}  // namespace lrdist

using lrdist::define;
NODE_API_MODULE(lrdist, define)
