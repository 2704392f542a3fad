#include "nvrtc.h"

#include <dlfcn.h>

#include <algorithm>
#include <memory>

#include "../engine.h"
#include "nvrtc_library.h"

struct _nvrtcProgram;

namespace lrdist::cuda {

namespace {

// The library's functions, each looked up where it is used.
template <class F>
F* function(void* library, const char* name) {
  auto* found = reinterpret_cast<F*>(dlsym(library, name));
  if (!found) throw Error("ERR_DEVICE_UNAVAILABLE", std::string("NVRTC is too old: it has no ") + name);
  return found;
}

// The first errors are what counts; the rest of a long log follows from them.
std::string shortened(const std::string& log) {
  constexpr size_t most = 2000;
  return log.size() <= most ? log : log.substr(0, most) + "\n...";
}

}  // namespace

Architecture choose_architecture(const std::vector<int>& supported, int major, int minor) {
  const int card = 10 * major + minor;
  if (card < 80) throw Error("ERR_KERNEL", "compute capability " + std::to_string(major) + "." + std::to_string(minor) + " is too low: 8.0 (A100) or higher is needed");
  Architecture best{0, false};
  for (const int number : supported) {
    if (number > card || number < 80) continue;
    const bool binary = number / 10 == major;
    if (binary > best.binary || (binary == best.binary && number > best.number)) best = {number, binary};
  }
  if (best.number == 0) throw Error("ERR_KERNEL", "this NVRTC compiles for no GPU like this one (compute capability " + std::to_string(major) + "." + std::to_string(minor) + ")");
  return best;
}

Nvrtc::Nvrtc(const std::string& path) : path_(path) {
  // NVRTC opens it by its bare name, which is found only if it is loaded already.
  for (const std::string& builtins : nvrtc_builtins(path)) dlopen(builtins.c_str(), RTLD_NOW | RTLD_GLOBAL);
  library_ = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library_) throw Error("ERR_DEVICE_UNAVAILABLE", std::string("NVRTC does not load: ") + dlerror());
  function<int(int*, int*)>(library_, "nvrtcVersion")(&major_, &minor_);
}

const Nvrtc& Nvrtc::get() {
  static const Nvrtc only = [] {
    std::string tried;
    for (const std::string& path : nvrtc_candidates()) {
      try {
        return Nvrtc(path);
      } catch (const Error& error) {
        tried += std::string("; ") + error.what();
      }
    }
    throw Error("ERR_DEVICE_UNAVAILABLE", "no NVRTC (libnvrtc.so), the compiler for kernels that a CUDA libtorch comes with, was found beside libtorch" + tried);
  }();
  return only;
}

std::vector<int> Nvrtc::architectures() const {
  int count = 0;
  function<int(int*)>(library_, "nvrtcGetNumSupportedArchs")(&count);
  std::vector<int> numbers(static_cast<size_t>(count));
  function<int(int*)>(library_, "nvrtcGetSupportedArchs")(numbers.data());
  return numbers;
}

std::vector<std::string> Nvrtc::options(const Architecture& architecture, bool line_info) {
  // -default-device: lambdas and constexpr functions have no annotations.
  std::vector<std::string> all = {(architecture.binary ? "--gpu-architecture=sm_" : "--gpu-architecture=compute_") + std::to_string(architecture.number),
                                  "--std=c++17", "-default-device"};
  if (line_info) all.push_back("-lineinfo");
  return all;
}

std::string Nvrtc::compile(const std::string& source, const std::vector<std::string>& options) const {
  _nvrtcProgram* made = nullptr;
  const auto create = function<int(_nvrtcProgram**, const char*, const char*, int, const char* const*, const char* const*)>(library_, "nvrtcCreateProgram");
  const auto text_of = function<const char*(int)>(library_, "nvrtcGetErrorString");
  const auto check = [&](int result, const char* what) {
    if (result != 0) throw Error("ERR_KERNEL", std::string(what) + ": " + text_of(result));
  };
  check(create(&made, source.c_str(), "kernels.cu", 0, nullptr, nullptr), "starting NVRTC");
  const auto destroy = function<int(_nvrtcProgram**)>(library_, "nvrtcDestroyProgram");
  const auto close = [destroy](_nvrtcProgram* program) { destroy(&program); };
  const std::unique_ptr<_nvrtcProgram, decltype(close)> program(made, close);

  const auto result_of = [&](const char* size_name, const char* name) {
    size_t size = 0;
    check(function<int(_nvrtcProgram*, size_t*)>(library_, size_name)(made, &size), size_name);
    std::string result(size, '\0');
    check(function<int(_nvrtcProgram*, char*)>(library_, name)(made, result.data()), name);
    return result;
  };
  std::vector<const char*> given;
  for (const std::string& option : options) given.push_back(option.c_str());
  const int result = function<int(_nvrtcProgram*, int, const char* const*)>(library_, "nvrtcCompileProgram")(made, static_cast<int>(given.size()), given.data());
  if (result != 0) {
    const std::string log = result_of("nvrtcGetProgramLogSize", "nvrtcGetProgramLog");
    throw Error("ERR_KERNEL", "the kernels do not compile for " + options[0].substr(options[0].find('=') + 1) + " with NVRTC " + std::to_string(major_) + "." +
                                  std::to_string(minor_) + ", " + text_of(result) + ":\n" + shortened(log.c_str()));
  }
  return options[0].find("=sm_") != std::string::npos ? result_of("nvrtcGetCUBINSize", "nvrtcGetCUBIN") : result_of("nvrtcGetPTXSize", "nvrtcGetPTX");
}

}  // namespace lrdist::cuda
