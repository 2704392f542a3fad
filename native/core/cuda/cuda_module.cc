#include "cuda_module.h"

#include <cstddef>
#include <mutex>

#include "../engine.h"
#include "image_cache.h"
#include "kernel_source.h"
#include "nvrtc.h"

namespace lrdist::cuda {

namespace {
constexpr unsigned shared_bytes_of_all = 48 * 1024;  // what every kernel may use without asking
}

std::string kernel_image(int major, int minor, bool line_info) {
  // Sessions that start side by side compile once.
  static std::mutex mutex;
  const std::lock_guard<std::mutex> lock(mutex);
  const Nvrtc& compiler = Nvrtc::get();
  const std::vector<std::string> options = Nvrtc::options(choose_architecture(compiler.architectures(), major, minor), line_info);
  const std::string source = one_text(kernel_files);
  std::string key = "NVRTC " + std::to_string(compiler.major()) + "." + std::to_string(compiler.minor());
  for (const std::string& option : options) key += "\n" + option;
  return cached_image(cache_folder(), key + "\n" + source, [&] { return compiler.compile(source, options); });
}

CudaModule::CudaModule(const std::string& image) {
  check(driver().cuModuleLoadData(&module_, image.c_str()), "loading the kernels", "ERR_KERNEL");
  try {
    // The driver loads a kernel when it is asked for: it may wait for the whole GPU then, which a capture does not allow.
    for (const std::string& name : kernel_names(kernel_files)) find(name.c_str());
  } catch (...) {
    driver().cuModuleUnload(module_);
    throw;
  }
}

CudaModule::~CudaModule() { driver().cuModuleUnload(module_); }

CudaModule::Function& CudaModule::find(const char* name) {
  const auto found = functions_.find(name);
  if (found != functions_.end()) return found->second;
  const std::string what = std::string("finding the kernel ") + name;
  Function function{};
  check(driver().cuModuleGetFunction(&function.handle, module_, (std::string("lrdist_") + name).c_str()), what.c_str(), "ERR_KERNEL");
  int most = 0, fixed = 0;
  check(driver().cuFuncGetAttribute(&most, function_max_threads_per_block, function.handle), what.c_str(), "ERR_KERNEL");
  check(driver().cuFuncGetAttribute(&fixed, function_shared_size_bytes, function.handle), what.c_str(), "ERR_KERNEL");
  function.most_threads = static_cast<unsigned>(most);
  function.shared_bytes = shared_bytes_of_all - static_cast<unsigned>(fixed);
  return functions_.emplace(name, function).first->second;
}

void CudaModule::launch(const KernelCall& call, CUstream_st* stream) {
  Function& function = find(call.name);
  const std::string what = std::string("starting the kernel ") + call.name;
  const Grid& grid = call.grid;
  if (grid.threads > function.most_threads)
    throw Error("ERR_KERNEL", what + ": a block has at most " + std::to_string(function.most_threads) + " threads, not " + std::to_string(grid.threads));
  if (grid.shared_bytes > function.shared_bytes) {
    check(driver().cuFuncSetAttribute(function.handle, function_max_dynamic_shared_size_bytes, static_cast<int>(grid.shared_bytes)), what.c_str(),
          "ERR_KERNEL");
    function.shared_bytes = grid.shared_bytes;
  }
  void* parameters[] = {const_cast<std::byte*>(call.arguments.data())};
  check(driver().cuLaunchKernel(function.handle, grid.x, grid.y, grid.z, grid.threads, 1, 1, grid.shared_bytes, stream, parameters, nullptr), what.c_str(),
        "ERR_KERNEL");
}

}  // namespace lrdist::cuda
