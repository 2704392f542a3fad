// A CUDA device.
#pragma once

#include <memory>

#include "device.h"

namespace lrdist::cuda {

// Of the driver's GPUs. Throws ERR_DEVICE_UNAVAILABLE if there is no driver, no GPU, or a libtorch that cannot use them.
std::vector<DeviceFacts> find_cuda_devices();
// Throws ERR_DEVICE_UNAVAILABLE, ERR_KERNEL, ERR_OUT_OF_MEMORY.
std::unique_ptr<Device> open_cuda_device(const DeviceFacts& facts, int ordinal, bool tf32);

}  // namespace lrdist::cuda
