#include "errors.h"

#include <c10/util/Exception.h>

#include <cstdlib>
#include <new>
#include <system_error>

namespace lrdist {
namespace {

std::string trimmed(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

// libtorch names the size as "... tried to allocate 4096 bytes ..." on CPU; CUDA gives rounded units, which stay in the text.
double allocation_size(const std::string& text) {
  static const std::string key = "tried to allocate ";
  const size_t at = text.find(key);
  if (at == std::string::npos) return -1;
  char* end = nullptr;
  const double bytes = std::strtod(text.c_str() + at + key.size(), &end);
  return std::string(end, 0, 6) == " bytes" ? bytes : -1;
}

Failure out_of_memory(const std::string& text) { return {"ERR_OUT_OF_MEMORY", "not enough memory: " + text, allocation_size(text)}; }

// Running out of CPU memory is a plain c10::Error; only its text tells.
bool says_out_of_memory(const std::string& text) { return text.find("can't allocate memory") != std::string::npos; }

Failure from_text(const char* code, const std::string& text) {
  return says_out_of_memory(text) ? out_of_memory(text) : Failure{code, text};
}

}  // namespace

Failure current_failure() {
  try {
    throw;
  } catch (const Error& error) {
    return {error.code, error.what()};
  } catch (const c10::OutOfMemoryError& error) {
    return out_of_memory(trimmed(error.what_without_backtrace()));
  } catch (const c10::Error& error) {
    return from_text("ERR_LIBTORCH", trimmed(error.what_without_backtrace()));
  } catch (const std::bad_alloc&) {
    return out_of_memory("the C++ heap is exhausted");
  } catch (const std::exception& error) {
    return from_text("ERR_NATIVE", trimmed(error.what()));
  } catch (...) {
    return {"ERR_NATIVE", "an unknown exception was thrown"};
  }
}

namespace {

void set_details(Napi::Object error, const Failure& failure) {
  error.Set("code", failure.code);
  if (failure.bytes >= 0) error.Set("bytes", failure.bytes);
}

}  // namespace

Napi::Error js_error(Napi::Env env, const Failure& failure) {
  Napi::Error error = Napi::Error::New(env, failure.message);
  set_details(error.Value(), failure);
  return error;
}

CallSite::CallSite(Napi::Env env) : error_(Napi::Persistent(Napi::Error::New(env, "").Value())) {}

Napi::Value CallSite::fill(const Failure& failure) const {
  Napi::Object error = error_.Value();
  const Napi::Value stack = error.Get("stack");
  error.Set("message", failure.message);
  set_details(error, failure);
  // V8 wrote the heading of the stack when the error was made. A stack changed by Error.prepareStackTrace is left alone.
  if (stack.IsString()) {
    const std::string text = stack.As<Napi::String>().Utf8Value();
    if (text.rfind("Error\n", 0) == 0) error.Set("stack", "Error: " + failure.message + text.substr(5));
  }
  return error;
}

}  // namespace lrdist
