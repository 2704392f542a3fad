#include "core/cuda/cuda_module.h"
#include "core/cuda/driver.h"
#include "plain_device.h"

namespace lrdist::check {

namespace {

using cuda::check;
using cuda::driver;

cuda::DeviceAddress address(const void* data) { return reinterpret_cast<cuda::DeviceAddress>(data); }

class DriverMemory final : public cuda::DeviceMemory {
 public:
  explicit DriverMemory(int64_t bytes) {
    cuda::DeviceAddress at = 0;
    check(driver().cuMemAlloc_v2(&at, static_cast<size_t>(bytes > 0 ? bytes : 1)), "allocating memory of the GPU");
    data_ = reinterpret_cast<void*>(at);
    bytes_ = bytes;
  }
  ~DriverMemory() override { driver().cuMemFree_v2(address(data_)); }
};

class PlainGpu final : public PlainDevice {
 public:
  explicit PlainGpu(int ordinal) {
    char name[256] = "";
    check(driver().cuDeviceGet(&device_, ordinal), "opening the GPU");
    check(driver().cuDeviceGetName(name, sizeof name, device_), "reading the GPU's name");
    check(driver().cuDeviceGetAttribute(&facts_.major, cuda::attribute_compute_capability_major, device_), "reading the GPU's compute capability");
    check(driver().cuDeviceGetAttribute(&facts_.minor, cuda::attribute_compute_capability_minor, device_), "reading the GPU's compute capability");
    facts_.name = "cuda:" + std::to_string(ordinal);
    facts_.description = name;
    CUctx_st* context = nullptr;
    check(driver().cuDevicePrimaryCtxRetain(&context, device_), "opening the GPU");
    check(driver().cuCtxSetCurrent(context), "opening the GPU");
    check(driver().cuStreamCreate(&stream_, cuda::stream_non_blocking), "making a stream");
    kernels_ = std::make_unique<cuda::CudaModule>(cuda::kernel_image(facts_.major, facts_.minor, true));
  }
  ~PlainGpu() override {
    kernels_.reset();
    driver().cuStreamDestroy_v2(stream_);
    driver().cuDevicePrimaryCtxRelease_v2(device_);
  }
  std::unique_ptr<cuda::DeviceMemory> allocate(int64_t bytes) override { return std::make_unique<DriverMemory>(bytes); }

 protected:
  using PlainDevice::run;
  // Waits, so that an error is that of this kernel.
  void run(const cuda::KernelCall& call) override {
    kernels_->launch(call, stream_);
    check(driver().cuStreamSynchronize(stream_), call.name);
  }
  void run(const cuda::Clear& clear) override {
    check(driver().cuMemsetD8Async(address(clear.to), 0, static_cast<size_t>(clear.bytes), stream_), "clearing the GPU's memory");
  }
  void run(const cuda::Copy& copy) override {
    check(driver().cuMemcpyDtoDAsync_v2(address(copy.to), address(copy.from), static_cast<size_t>(copy.bytes), stream_), "copying on the GPU");
  }
  void to_device(void* to, const void* from, int64_t bytes) override {
    check(driver().cuMemcpyHtoDAsync_v2(address(to), from, static_cast<size_t>(bytes), stream_), "copying to the GPU");
  }
  void to_host(void* to, const void* from, int64_t bytes) override {
    check(driver().cuMemcpyDtoHAsync_v2(to, address(from), static_cast<size_t>(bytes), stream_), "copying from the GPU");
  }
  void wait_for_all() override { check(driver().cuStreamSynchronize(stream_), "waiting for the GPU"); }

 private:
  int device_ = 0;
  CUstream_st* stream_ = nullptr;
  std::unique_ptr<cuda::CudaModule> kernels_;
};

}  // namespace

std::unique_ptr<PlainDevice> open_plain_gpu(int ordinal) { return std::make_unique<PlainGpu>(ordinal); }

}  // namespace lrdist::check
