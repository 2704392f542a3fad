#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <new>

#include "kernels/emulated/launch.h"
#include "plain_device.h"

namespace lrdist::check {

namespace {

// Ends at a page that cannot be touched, but for the bytes that round its size up to 16; those must not change.
class FencedMemory final : public cuda::DeviceMemory {
 public:
  explicit FencedMemory(int64_t bytes) {
    const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    const size_t rounded = (static_cast<size_t>(bytes) + 15) / 16 * 16;
    mapped_ = (rounded + page - 1) / page * page + page;
    void* start = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED) throw std::bad_alloc();
    start_ = static_cast<char*>(start);
    mprotect(start_ + mapped_ - page, page, PROT_NONE);
    data_ = start_ + mapped_ - page - rounded;
    bytes_ = bytes;
    std::memset(data_, 0xFF, rounded);
  }
  ~FencedMemory() override { munmap(start_, mapped_); }

 private:
  char* start_;
  size_t mapped_;
};

class PlainEmulator final : public PlainDevice {
 public:
  PlainEmulator() {
    facts_.name = "emulated";
    facts_.description = "emulated on the processor";
  }
  std::unique_ptr<cuda::DeviceMemory> allocate(int64_t bytes) override { return std::make_unique<FencedMemory>(bytes); }

 protected:
  using PlainDevice::run;
  void run(const cuda::KernelCall& call) override {
    emulated::launch(call.name, {call.grid.x, call.grid.y, call.grid.z, call.grid.threads, call.grid.shared_bytes}, call.arguments.data(),
                     call.arguments.size());
  }
  void run(const cuda::Clear& clear) override { std::memset(clear.to, 0, static_cast<size_t>(clear.bytes)); }
  void run(const cuda::Copy& copy) override { std::memcpy(copy.to, copy.from, static_cast<size_t>(copy.bytes)); }
  void to_device(void* to, const void* from, int64_t bytes) override { std::memcpy(to, from, static_cast<size_t>(bytes)); }
  void to_host(void* to, const void* from, int64_t bytes) override { std::memcpy(to, from, static_cast<size_t>(bytes)); }
  void wait_for_all() override {}
};

}  // namespace

std::unique_ptr<PlainDevice> open_plain_emulator() { return std::make_unique<PlainEmulator>(); }

}  // namespace lrdist::check
