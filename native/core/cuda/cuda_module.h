// The kernels, all loaded into the current context.
#pragma once

#include <string>
#include <unordered_map>

#include "driver.h"
#include "recording_device.h"

namespace lrdist::cuda {

// What cuModuleLoadData takes for a card of this compute capability: from the cache, or compiled, which takes some seconds. Throws ERR_KERNEL.
std::string kernel_image(int major, int minor, bool line_info = false);

class CudaModule {
 public:
  explicit CudaModule(const std::string& image);
  ~CudaModule();
  CudaModule(const CudaModule&) = delete;

  // Throws ERR_KERNEL.
  void launch(const KernelCall& call, CUstream_st* stream);

 private:
  struct Function {
    CUfunc_st* handle;
    unsigned most_threads, shared_bytes;  // shared_bytes: dynamic ones that it may be given so far
  };
  Function& find(const char* name);

  CUmod_st* module_ = nullptr;
  std::unordered_map<std::string, Function> functions_;
};

}  // namespace lrdist::cuda
