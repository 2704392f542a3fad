// A device on which nothing happens: passes that are called with it and with an arena without memory say how much memory they need.
#pragma once

#include "device.h"

namespace lrdist::cuda {

class DryDevice final : public Device {
 public:
  explicit DryDevice(const Device& like) : like_(like) {}

  const DeviceFacts& facts() const override { return like_.facts(); }
  int64_t free_bytes() const override { return like_.free_bytes(); }
  std::unique_ptr<DeviceMemory> allocate(int64_t) override { return nullptr; }
  std::unique_ptr<DeviceMemory> allocate_pinned(int64_t) override { return nullptr; }
  void multiply(const Matrices&, const Matrices&, bool, const Matrices&, bool, int64_t, bool) override {}
  void clear(void*, int64_t) override {}
  void copy(void*, const void*, int64_t) override {}
  void upload(void*, const void*, int64_t) override {}
  void download(void*, const void*, int64_t) override {}
  std::unique_ptr<Mark> mark() override { return nullptr; }
  void wait_for(const Mark&) override {}
  void synchronize() override {}
  int64_t synchronizations() const override { return 0; }
  void begin_graph() override {}
  std::unique_ptr<Graph> end_graph() override { return nullptr; }
  void drop_graph() override {}
  void replay(const Graph&) override {}

 protected:
  void use_side_queue(bool) override {}
  void launch_raw(const char*, const Grid&, const void*, size_t) override {}

 private:
  const Device& like_;
};

}  // namespace lrdist::cuda
