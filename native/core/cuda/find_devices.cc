#include <ATen/Context.h>

#include "../engine.h"
#include "cuda_device.h"
#include "driver.h"
#include "emulated_device.h"
#include "torch_stream.h"

namespace lrdist::cuda {

namespace {

[[noreturn]] void unavailable(const std::string& text) { throw Error("ERR_DEVICE_UNAVAILABLE", text); }

void check_versions() {
  const int supported = driver().version;
  if (!libtorch_has_cuda()) unavailable("this libtorch is built without CUDA; the driver supports CUDA up to " + cuda_version_text(supported));
  const auto built_for = static_cast<int>(at::Context::versionCUDART());
  // Within one major version any driver runs any libtorch.
  if (built_for / 1000 > supported / 1000)
    unavailable("the NVIDIA driver is too old: it supports CUDA up to " + cuda_version_text(supported) + ", and this libtorch is built for CUDA " +
                cuda_version_text(built_for));
}

DeviceFacts facts_of(int ordinal) {
  const Driver& d = driver();
  int device = 0;
  char name[256] = "";
  size_t bytes = 0;
  DeviceFacts facts;
  check(d.cuDeviceGet(&device, ordinal), "opening the GPU");
  check(d.cuDeviceGetName(name, sizeof name, device), "reading the GPU's name");
  check(d.cuDeviceTotalMem_v2(&bytes, device), "reading the GPU's memory");
  check(d.cuDeviceGetAttribute(&facts.major, attribute_compute_capability_major, device), "reading the GPU's compute capability");
  check(d.cuDeviceGetAttribute(&facts.minor, attribute_compute_capability_minor, device), "reading the GPU's compute capability");
  facts.name = "cuda:" + std::to_string(ordinal);
  facts.description = name;
  facts.total_bytes = static_cast<int64_t>(bytes);
  return facts;
}

// "cuda" is 0. -1 if it is no such name.
int ordinal_in(const std::string& name) {
  if (name == "cuda") return 0;
  if (name.compare(0, 5, "cuda:") != 0 || name.size() < 6 || name.size() > 8 || name.find_first_not_of("0123456789", 5) != std::string::npos) return -1;
  return std::stoi(name.substr(5));
}

}  // namespace

std::vector<DeviceFacts> find_cuda_devices() {
  check_versions();
  int count = 0;
  check(driver().cuDeviceGetCount(&count), "counting the GPUs");
  std::vector<DeviceFacts> all;
  for (int i = 0; i < count; ++i) all.push_back(facts_of(i));
  return all;
}

std::vector<DeviceFacts> cuda_devices() {
  try {
    return find_cuda_devices();
  } catch (const std::exception&) {
    return {};
  }
}

std::string why_no_cuda() {
  try {
    return find_cuda_devices().empty() ? "the NVIDIA driver finds no GPU" : "";
  } catch (const std::exception& error) {
    return error.what();
  }
}

std::unique_ptr<Device> open_device(const std::string& name, bool tf32) {
  if (name == "emulated") return open_emulated_device();
  const int ordinal = ordinal_in(name);
  if (ordinal < 0) unavailable("there is no device called '" + name + "'");
  std::vector<DeviceFacts> all;
  try {
    all = find_cuda_devices();
  } catch (const Error& error) {
    throw Error(error.code, name + ": " + error.what());
  }
  if (ordinal >= static_cast<int>(all.size()))
    unavailable(name + ": there is no such GPU; this process sees " + std::to_string(all.size()) + (all.empty() ? "" : ", the last is " + all.back().name));
  DeviceFacts facts = all[static_cast<size_t>(ordinal)];
  facts.tf32 = tf32;
  if (facts.major < 8)
    unavailable(name + ": " + facts.description + " has compute capability " + std::to_string(facts.major) + "." + std::to_string(facts.minor) +
                "; 8.0 (A100) or higher is needed");
  return open_cuda_device(facts, ordinal, tf32);
}

}  // namespace lrdist::cuda
