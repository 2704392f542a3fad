// Devices for checks of single kernels: memory of the exact size asked for, without libtorch's allocator, so that what a kernel reads or writes beyond
// its arrays is seen. They have no products, no graphs and no second queue.
#pragma once

#include <memory>
#include <string>

#include "core/cuda/recording_device.h"

namespace lrdist::check {

class PlainDevice : public cuda::RecordingDevice {
 public:
  const cuda::DeviceFacts& facts() const override { return facts_; }
  int64_t free_bytes() const override { return 0; }
  std::unique_ptr<cuda::DeviceMemory> allocate_pinned(int64_t bytes) override;

 protected:
  void run(const cuda::Product& product) override;
  std::unique_ptr<cuda::Graph> make_graph(std::vector<cuda::Call> calls) override;
  void run_graph(const cuda::Graph& graph) override;
  std::unique_ptr<cuda::Mark> make_mark() override;
  void wait_for(const cuda::Mark& mark) override;
  void use_side_queue(bool side) override;

  cuda::DeviceFacts facts_;
};

// On the processor; each array ends at a page that cannot be touched. On a GPU; for compute-sanitizer. "emulated", "cuda", "cuda:1", ...
std::unique_ptr<PlainDevice> open_plain_emulator();
std::unique_ptr<PlainDevice> open_plain_gpu(int ordinal);

}  // namespace lrdist::check
