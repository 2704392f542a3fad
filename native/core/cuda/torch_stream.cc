#include "torch_stream.h"

#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <dlfcn.h>

#include <algorithm>

#include "../engine.h"

namespace lrdist::cuda {

namespace {

// From 2.13 on the stream tells itself. Before that the CUDA library's own class does, whose only member is the stream; it is found by name, because
// its header asks for CUDA's.
template <class Stream>
void* native_handle(const Stream& stream) {
  if constexpr (requires { stream.native_handle(); }) {
    return stream.native_handle();
  } else {
    using Handle = void* (*)(const Stream*);
    const char* name = "_ZNK3c104cuda10CUDAStream6streamEv";  // c10::cuda::CUDAStream::stream() const
    auto handle = reinterpret_cast<Handle>(dlsym(RTLD_DEFAULT, name));
    if (!handle) {
      // An addon is loaded without its libraries' names being visible to all.
      void* library = dlopen("libc10_cuda.so", RTLD_NOW | RTLD_NOLOAD);
      if (library) handle = reinterpret_cast<Handle>(dlsym(library, name));
    }
    if (!handle) throw Error("ERR_DEVICE_UNAVAILABLE", "this libtorch does not tell the CUDA stream it works on; 2.13 or newer does");
    return handle(&stream);
  }
}

}  // namespace

bool libtorch_has_cuda() { return c10::impl::hasDeviceGuardImpl(c10::DeviceType::CUDA); }

CUstream_st* handle_of(const c10::Stream& stream) { return static_cast<CUstream_st*>(native_handle(stream)); }

int64_t allocations_so_far(c10::DeviceIndex device) {
  const auto stats = c10::getDeviceAllocator(c10::DeviceType::CUDA)->getDeviceStats(device);
  return stats.allocation[static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE)].allocated;
}

int64_t kept_bytes(c10::DeviceIndex device) {
  const auto stats = c10::getDeviceAllocator(c10::DeviceType::CUDA)->getDeviceStats(device);
  const auto now = [](const auto& of_types) { return of_types[static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE)].current; };
  // What is free in a segment of which something is in use stays there.
  return std::max<int64_t>(now(stats.reserved_bytes) - now(stats.active_bytes) - now(stats.inactive_split_bytes), 0);
}

void release_kept_memory() { c10::getDeviceAllocator(c10::DeviceType::CUDA)->emptyCache(); }

void throw_translated(const c10::Error& error, bool out_of_memory, CUstream_st* stream) {
  std::string text = error.what_without_backtrace();
  if (out_of_memory) throw Error("ERR_OUT_OF_MEMORY", "not enough memory on the GPU: " + text);
  // An error of the device stays: every later call meets it again.
  if (stream && says_device_lost(driver().cuStreamSynchronize(stream))) throw Error("ERR_DEVICE_LOST", "the GPU failed: " + text);
  throw;
}

}  // namespace lrdist::cuda
