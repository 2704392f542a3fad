// The addon's exports: info and Session. State is kept for each JavaScript environment; nothing is static but the compute thread.
#include "core/cuda/device.h"
#include "core/cuda/diagnosis.h"
#include "errors.h"
#include "napi_setup.h"
#include "session.h"

namespace lrdist {
namespace {

constexpr int boundary_version = 3;  // BOUNDARY_VERSION of lib/native/boundary.ts

Napi::Array devices(Napi::Env env) {
  Napi::Array list = Napi::Array::New(env);
  const auto add = [&](const std::string& name, int64_t bytes, const std::string& description, const std::string& capability) {
    Napi::Object device = Napi::Object::New(env);
    device.Set("name", name);
    device.Set("totalBytes", static_cast<double>(bytes));
    device.Set("description", description);
    device.Set("capability", capability);
    list.Set(list.Length(), device);
  };
  add("cpu", total_memory(), "", "");
  for (const cuda::DeviceFacts& d : cuda::cuda_devices()) add(d.name, d.total_bytes, d.description, std::to_string(d.major) + "." + std::to_string(d.minor));
  return list;
}

Napi::Object diagnosis(Napi::Env env) {
  const cuda::Diagnosis d = cuda::diagnose();
  Napi::Object object = Napi::Object::New(env);
  object.Set("libtorch", d.libtorch);
  object.Set("driver", d.driver);
  object.Set("nvrtc", d.nvrtc);
  object.Set("nccl", d.nccl);
  object.Set("problem", d.problem);
  return object;
}

Napi::Value info(const Napi::CallbackInfo& call) {
  const Napi::Env env = call.Env();
  return guarded(env, [&]() -> Napi::Value {
    Napi::Object facts = Napi::Object::New(env);
    facts.Set("boundaryVersion", boundary_version);
    facts.Set("libtorchCompiled", libtorch_compiled());
    facts.Set("libtorchLoaded", libtorch_loaded());
    facts.Set("threads", default_threads());
    facts.Set("devices", devices(env));
    facts.Set("bf16", has_bf16());
    facts.Set("cuda", diagnosis(env));
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
