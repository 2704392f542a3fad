#include "gpu_sharing.h"

#include <ATen/Context.h>

#include <map>
#include <optional>
#include <set>

#include "../engine.h"
#include "torch_stream.h"

namespace lrdist::cuda {

namespace {

struct Gpu {
  std::set<c10::StreamId> taken;
  std::recursive_mutex allocations;
};

struct Gpus {
  std::mutex mutex;
  std::map<c10::DeviceIndex, Gpu> by_index;  // entries stay where they are
};

// Never destroyed: sessions may end after the process's static objects.
Gpus& gpus() {
  static Gpus* const all = new Gpus;
  return *all;
}

c10::Stream free_stream(const c10::impl::VirtualGuardImpl& libtorch, c10::Device device) {
  const std::lock_guard<std::mutex> lock(gpus().mutex);
  std::set<c10::StreamId>& taken = gpus().by_index[device.index()].taken;
  constexpr int most = 32;
  for (int i = 0; i < most; ++i) {
    const c10::Stream stream = libtorch.getStreamFromGlobalPool(device);
    if (taken.insert(stream.id()).second) return stream;
  }
  throw Error("ERR_DEVICE_UNAVAILABLE", std::to_string(taken.size()) + " sessions of this process are open on cuda:" + std::to_string(device.index()) + ", more than it takes at a time: close some");
}

}  // namespace

ProductSettings::ProductSettings(bool tf32) {
  static std::shared_mutex mutex;
  static std::optional<bool> now;
  for (;;) {
    lock_ = std::shared_lock(mutex);
    if (now == tf32) return;
    lock_.unlock();
    const std::unique_lock<std::shared_mutex> alone(mutex);
    at::Context& context = at::globalContext();
    context.setAllowTF32CuBLAS(tf32);
    context.setAllowBF16ReductionCuBLAS(false);
    // cublasLt takes its workspace anew for each product, which must not happen in a capture.
    context.setBlasPreferredBackend(at::BlasBackend::Cublas);
    now = tf32;
  }
}

GpuPlace::GpuPlace(const c10::impl::VirtualGuardImpl& libtorch, c10::Device device)
    : stream_(with_libtorch(nullptr, [&] {
        at::globalContext().lazyInitDevice(c10::DeviceType::CUDA);
        libtorch.setDevice(device);
        return free_stream(libtorch, device);
      })) {}

GpuPlace::~GpuPlace() {
  const std::lock_guard<std::mutex> lock(gpus().mutex);
  gpus().by_index[stream_.device_index()].taken.erase(stream_.id());
}

std::recursive_mutex& GpuPlace::allocations() const {
  const std::lock_guard<std::mutex> lock(gpus().mutex);
  return gpus().by_index[stream_.device_index()].allocations;
}

int gpus_in_use() {
  const std::lock_guard<std::mutex> lock(gpus().mutex);
  int count = 0;
  for (const auto& [index, gpu] : gpus().by_index) count += !gpu.taken.empty();
  return count;
}

}  // namespace lrdist::cuda
