// The one translator of C++ exceptions into JavaScript errors. Every JavaScript error made here has a string `code`.
#pragma once

#include <string>

#include "core/engine.h"
#include "napi_setup.h"

namespace lrdist {

// What went wrong, without a JavaScript value, so that it can cross threads.
struct Failure {
  std::string code, message;
  double bytes = -1;  // size of the allocation that failed, -1 if unknown
};

// Describes the exception being handled. Call it inside a catch block only, on any thread.
Failure current_failure();

// An Error made where the JavaScript caller stands, so that its stack leads there; what went wrong is filled in when the job has failed.
// Destroyed on the JavaScript thread only, as every reference.
class CallSite {
 public:
  explicit CallSite(Napi::Env env);
  Napi::Value fill(const Failure& failure) const;

 private:
  Napi::ObjectReference error_;
};

Napi::Error js_error(Napi::Env env, const Failure& failure);

// Runs the body of a synchronous method; whatever it throws becomes a JavaScript error with a code.
template <class Body>
auto guarded(Napi::Env env, Body&& body) -> decltype(body()) {
  try {
    return body();
  } catch (const Napi::Error&) {
    throw;  // thrown by JavaScript itself (a getter, say): passed on as it is
  } catch (...) {
    throw js_error(env, current_failure());
  }
}

}  // namespace lrdist
