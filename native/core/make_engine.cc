#include <algorithm>

#include "cpu_engine.h"
#include "cuda/cuda_engine.h"
#include "cuda/device.h"

namespace lrdist {
namespace {

// The device itself is opened by the session's first job; whether there is one is said at once.
void require_device(const std::string& name) {
  if (name == "emulated") return;
  const auto devices = cuda::cuda_devices();
  const auto usable = [&](const cuda::DeviceFacts& d) { return d.major >= 8 && (d.name == name || name == "cuda"); };
  if (std::none_of(devices.begin(), devices.end(), usable)) cuda::open_device(name, false);  // throws: it knows what is missing
}

}  // namespace

std::unique_ptr<Engine> make_engine(const SessionSpec& spec) {
  if (spec.device == "cpu") return std::make_unique<CpuEngine>(spec);
  require_device(spec.device);
  return std::make_unique<cuda::CudaEngine>(spec);
}

}  // namespace lrdist
