#include "nccl.h"

#include <dlfcn.h>

#include <cstdlib>
#include <mutex>

#include "../engine.h"
#include "device.h"
#include "nvidia_libraries.h"

namespace lrdist::cuda {
namespace {

std::vector<std::string> candidates() {
  if (const char* chosen = std::getenv("LRDIST_NCCL"); chosen && *chosen) return {chosen};
  std::vector<std::string> found;
  for (const std::string& folder : folders_near(libtorch_folder())) {
    for (const std::string& path : libraries_in(folder, "libnccl.so")) found.push_back(path);
  }
  found.push_back("libnccl.so.2");
  return found;
}

Nccl open() {
  std::string tried;
  for (const std::string& path : candidates()) {
    void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!library) {
      tried += std::string("\n  ") + dlerror();
      continue;
    }
    Nccl found;
    found.path = path;
    const char* missing = nullptr;
#define LRDIST_LOAD(type, name, ...)                                           \
  found.name = reinterpret_cast<decltype(found.name)>(dlsym(library, #name)); \
  if (!found.name) missing = #name;
    LRDIST_NCCL_FUNCTIONS(LRDIST_LOAD)
#undef LRDIST_LOAD
    if (!missing) return found;
    tried += "\n  " + path + " has no " + missing;
    dlclose(library);
  }
  throw Error("ERR_DEVICE_UNAVAILABLE", "several GPUs exchange gradients by NCCL, and no libnccl.so.2 can be opened:" + tried);
}

}  // namespace

const Nccl& nccl() {
  static std::mutex mutex;
  const std::lock_guard<std::mutex> lock(mutex);
  static const Nccl functions = open();  // tried again after an exception
  return functions;
}

void require_nccl() { nccl(); }

std::string nccl_version_text(int version) {
  // 2.9 and later count 10000 for the major number, older ones 1000.
  const int major = version >= 10000 ? 10000 : 1000;
  return std::to_string(version / major) + "." + std::to_string(version % major / 100) + "." + std::to_string(version % 100);
}

void check_nccl(int result, const char* what, ncclComm* communicator) {
  if (result == nccl_success) return;
  const char* more = nccl().ncclGetLastError(communicator);
  throw Error("ERR_DEVICE_LOST", std::string(what) + ": NCCL: " + nccl().ncclGetErrorString(result) + (more && *more ? std::string(" (") + more + ")" : ""));
}

}  // namespace lrdist::cuda
