#include <algorithm>
#include <sstream>

#include "cpu_engine.h"
#include "cuda/cuda_engine.h"
#include "cuda/data_parallel_engine.h"
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

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> names;
  std::istringstream text(list);
  for (std::string name; std::getline(text, name, ',');) names.push_back(name);
  return names;
}

// A GPU can have one part only; the emulator is as many devices as one likes.
void require_devices(const std::vector<std::string>& names) {
  const bool emulated = names.front() == "emulated";
  for (const std::string& name : names) {
    if ((name == "emulated") != emulated || name == "cpu") throw Error("ERR_DEVICE_UNAVAILABLE", "several devices of one session must be GPUs, not also " + name);
    if (!emulated && std::count(names.begin(), names.end(), name) > 1) throw Error("ERR_DEVICE_UNAVAILABLE", name + " is twice among the devices of one session");
    require_device(name);
  }
  if (!emulated) cuda::require_nccl();
}

}  // namespace

std::unique_ptr<Engine> make_engine(const SessionSpec& spec) {
  if (spec.device == "cpu") return std::make_unique<CpuEngine>(spec);
  const std::vector<std::string> devices = split(spec.device);
  if (devices.size() > 1) {
    require_devices(devices);
    return std::make_unique<cuda::DataParallelEngine>(spec, devices);
  }
  require_device(spec.device);
  return std::make_unique<cuda::CudaEngine>(spec);
}

}  // namespace lrdist
