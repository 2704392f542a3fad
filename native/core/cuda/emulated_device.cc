#include "emulated_device.h"

#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <new>

#include "../../kernels/emulated/launch.h"
#include "../engine.h"
#include "products.h"
#include "recording_device.h"

namespace lrdist::cuda {

namespace {

int64_t number_from(const char* variable, int64_t otherwise) {
  const char* text = std::getenv(variable);
  return text && *text ? std::strtoll(text, nullptr, 10) : otherwise;
}

// What is left of the emulated memory; shared with the pieces of it, which may outlive the device.
struct Budget {
  int64_t total, used = 0;
};

class ProcessorMemory : public DeviceMemory {
 public:
  ProcessorMemory(std::shared_ptr<Budget> budget, int64_t bytes) : budget_(std::move(budget)) {
    if (bytes > budget_->total - budget_->used)
      throw Error("ERR_OUT_OF_MEMORY", "not enough memory on the emulated device: tried to allocate " + std::to_string(bytes) + " bytes, " +
                                           std::to_string(budget_->total - budget_->used) + " are free");
    data_ = ::operator new(static_cast<size_t>(bytes), alignment, std::nothrow);
    if (!data_) throw Error("ERR_OUT_OF_MEMORY", "not enough memory: tried to allocate " + std::to_string(bytes) + " bytes");
    bytes_ = bytes;
    budget_->used += bytes;
    std::memset(data_, 0xFF, static_cast<size_t>(bytes));  // NaN, so that what is read before it is written shows
  }
  ~ProcessorMemory() override {
    ::operator delete(data_, alignment);
    budget_->used -= bytes_;
  }

 private:
  static constexpr std::align_val_t alignment{256};
  std::shared_ptr<Budget> budget_;
};

class PinnedMemory final : public ProcessorMemory {
 public:
  PinnedMemory(std::shared_ptr<PinnedRanges> ranges, int64_t bytes)
      : ProcessorMemory(std::make_shared<Budget>(Budget{bytes}), bytes), ranges_(std::move(ranges)) {
    ranges_->add(data_, bytes);
  }
  ~PinnedMemory() override { ranges_->remove(data_); }

 private:
  std::shared_ptr<PinnedRanges> ranges_;
};

struct ProcessorMark final : Mark {
  bool passed() const override { return true; }
  void wait() const override {}
};

struct CallList final : Graph {
  explicit CallList(std::vector<Call> list) : calls(std::move(list)) {}
  std::vector<Call> calls;
};

class EmulatedDevice final : public RecordingDevice {
 public:
  EmulatedDevice() : budget_(std::make_shared<Budget>()), replays_left_(number_from("LRDIST_EMULATED_LOSS", -1)) {
    budget_->total = number_from("LRDIST_EMULATED_MEMORY", int64_t{sysconf(_SC_PHYS_PAGES)} * sysconf(_SC_PAGESIZE));
    facts_.name = "emulated";
    facts_.description = "emulated on the processor";
    facts_.total_bytes = budget_->total;
    facts_.major = 8;
  }

  const DeviceFacts& facts() const override { return facts_; }
  int64_t free_bytes() const override { return budget_->total - budget_->used; }
  std::unique_ptr<DeviceMemory> allocate(int64_t bytes) override { return std::make_unique<ProcessorMemory>(budget_, bytes); }
  std::unique_ptr<DeviceMemory> allocate_pinned(int64_t bytes) override { return std::make_unique<PinnedMemory>(pinned_, bytes); }

 protected:
  void run(const KernelCall& call) override {
    try {
      emulated::launch(call.name, {call.grid.x, call.grid.y, call.grid.z, call.grid.threads, call.grid.shared_bytes}, call.arguments.data(),
                       call.arguments.size());
    } catch (const std::runtime_error& error) {
      throw Error("ERR_KERNEL", error.what());
    }
  }
  void run(const Product& product) override { multiply_on_processor(product); }
  void run(const Clear& clear) override { std::memset(clear.to, 0, static_cast<size_t>(clear.bytes)); }
  void run(const Copy& copy) override { std::memcpy(copy.to, copy.from, static_cast<size_t>(copy.bytes)); }
  std::unique_ptr<Graph> make_graph(std::vector<Call> calls) override { return std::make_unique<CallList>(std::move(calls)); }
  void run_graph(const Graph& graph) override {
    if (replays_left_ == 0) throw Error("ERR_DEVICE_LOST", "the emulated device is lost, as LRDIST_EMULATED_LOSS asks for");
    if (replays_left_ > 0) --replays_left_;
    for (const Call& call : static_cast<const CallList&>(graph).calls) run_any(call);
  }
  void to_device(void* to, const void* from, int64_t bytes) override { std::memcpy(to, from, static_cast<size_t>(bytes)); }
  void to_host(void* to, const void* from, int64_t bytes) override { std::memcpy(to, from, static_cast<size_t>(bytes)); }
  std::unique_ptr<Mark> make_mark() override { return std::make_unique<ProcessorMark>(); }
  void wait_for_all() override {}

 private:
  DeviceFacts facts_;
  std::shared_ptr<Budget> budget_;
  int64_t replays_left_;
};

}  // namespace

std::unique_ptr<Device> open_emulated_device() { return std::make_unique<EmulatedDevice>(); }

}  // namespace lrdist::cuda
