// The device "emulated": the same kernels on the processor, for tests. Work runs when it is called for.
//
// What it can be asked to imitate, by environment variables: LRDIST_EMULATED_MEMORY, the bytes of its memory (all of the machine's if not set), and
// LRDIST_EMULATED_LOSS, the number of graph replays after which it is lost.
#pragma once

#include <memory>

#include "device.h"

namespace lrdist::cuda {

std::unique_ptr<Device> open_emulated_device();

}  // namespace lrdist::cuda
