// What the ranks of a group tell each other, from device to device.
#pragma once

#include <cstdint>
#include <vector>

namespace lrdist::cuda {

enum class ReductionKind { sum_f32, sum_f64, max_u32 };

// Numbers in a device's memory; every rank names as many, in the same order.
struct Reduction {
  void* data;
  int64_t count;
  ReductionKind kind;
};

class Communicator {
 public:
  virtual ~Communicator() = default;
  // In order with the device's first queue: afterwards every rank has the sum (or the greatest) of what the ranks had, bit for bit the same. Not in graphs.
  // Throws PeerFailed, or ERR_DEVICE_LOST.
  virtual void reduce(const std::vector<Reduction>& what) = 0;
  // A rank failed: what this one waits for here ends. From any thread; the results are void.
  virtual void abort() noexcept {}
};

}  // namespace lrdist::cuda
