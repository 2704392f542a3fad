// Runs kernels on the processor: the blocks of a launch one after the other, the threads of a block as fibers that change at barriers and shuffles.
// Throws std::runtime_error for a launch that a device would refuse, or that breaks the rules of names.h.
#pragma once

#include <cstddef>

namespace lrdist::emulated {

// In which order the threads of a block run, and the warps. Results of a correct kernel do not depend on it.
enum class Order { forward, backward, shuffled };

struct Launch {
  unsigned x = 1, y = 1, z = 1, threads = 128, shared_bytes = 0;
};

void launch(const char* kernel, const Launch& shape, const void* arguments, size_t bytes);
// Of the launches of this thread. At first what LRDIST_EMULATED_ORDER says (forward, backward or shuffled), else forward.
void set_order(Order order);

}  // namespace lrdist::emulated
