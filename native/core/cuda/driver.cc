#include "driver.h"

#include <dlfcn.h>

#include <mutex>

#include "../engine.h"

namespace lrdist::cuda {

namespace {

[[noreturn]] void unavailable(const std::string& text) { throw Error("ERR_DEVICE_UNAVAILABLE", text); }

Driver open() {
  void* library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!library) unavailable(std::string("no NVIDIA driver: ") + dlerror());
  Driver driver;
#define LRDIST_LOAD(name, ...)                                                          \
  driver.name = reinterpret_cast<decltype(driver.name)>(dlsym(library, #name));         \
  if (!driver.name) unavailable("the NVIDIA driver is too old: it has no " #name);
  LRDIST_DRIVER_FUNCTIONS(LRDIST_LOAD)
#undef LRDIST_LOAD
  driver.cuDriverGetVersion(&driver.version);
  return driver;
}

// Before driver() has returned, for the texts of its own errors.
const Driver* opened = nullptr;

}  // namespace

const Driver& driver() {
  static std::mutex mutex;
  static bool ready = false;
  const std::lock_guard<std::mutex> lock(mutex);
  static const Driver functions = open();  // tried again after an exception
  opened = &functions;
  if (!ready) {
    const int result = functions.cuInit(0);
    if (result == result_no_device) unavailable("the NVIDIA driver finds no GPU");
    if (result != result_success) unavailable("the NVIDIA driver does not start: " + error_text(result));
    ready = true;
  }
  return functions;
}

std::string cuda_version_text(int version) { return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10); }

std::string error_text(int result) {
  const char *name = nullptr, *text = nullptr;
  if (opened) {
    opened->cuGetErrorName(result, &name);
    opened->cuGetErrorString(result, &text);
  }
  if (!name) return "error " + std::to_string(result);
  return text ? std::string(name) + " (" + text + ")" : name;
}

bool says_device_lost(int result) {
  switch (result) {
    case result_ecc_uncorrectable:
    case result_nvlink_uncorrectable:
    case result_contained:
    case result_illegal_address:
    case result_launch_timeout:
    case result_context_is_destroyed:
    case result_assert:
    case result_hardware_stack_error:
    case result_illegal_instruction:
    case result_misaligned_address:
    case result_invalid_address_space:
    case result_invalid_pc:
    case result_launch_failed:
    case result_mps_rpc_failure:
    case result_mps_client_terminated:
    case result_external_device:
    case result_unknown:
      return true;
    default:
      return false;
  }
}

void check(int result, const char* what, const char* code) {
  if (result == result_success) return;
  const std::string text = std::string(what) + ": " + error_text(result);
  if (result == result_out_of_memory) throw Error("ERR_OUT_OF_MEMORY", "not enough memory on the GPU, " + text);
  if (says_device_lost(result)) throw Error("ERR_DEVICE_LOST", "the GPU failed, " + text);
  throw Error(code, text);
}

}  // namespace lrdist::cuda
