#include "emulated_device.h"

#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <deque>
#include <exception>
#include <functional>
#include <new>
#include <utility>

#include "../../kernels/emulated/launch.h"
#include "../engine.h"
#include "group.h"
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

// The second queue. Its work is put off until somebody waits for it, so that a missing wait shows.
class SideWork {
 public:
  void add(std::function<void()> work) { work_.push_back(std::move(work)); }
  int64_t end() const { return done_ + static_cast<int64_t>(work_.size()); }
  bool done(int64_t place) const { return done_ >= place; }
  // As with a GPU, every call on a device that was lost fails.
  void lose() { lost_ = true; }
  bool lost() const { return lost_; }
  void require() const {
    if (lost_) throw Error("ERR_DEVICE_LOST", "the emulated device is lost, as LRDIST_EMULATED_LOSS asks for");
  }
  void run_until(int64_t place) {
    while (!done(place)) {
      const std::function<void()> work = std::move(work_.front());
      work_.pop_front();
      ++done_;
      work();
    }
  }

 private:
  std::deque<std::function<void()>> work_;
  int64_t done_ = 0;
  bool lost_ = false;
};

struct ProcessorMark final : Mark {
  ProcessorMark(std::shared_ptr<SideWork> queue, int64_t end) : side(std::move(queue)), place(end) {}
  bool passed() const override {
    side->require();
    return side->done(place);
  }
  // As on a GPU: destructors wait too, and do not throw while an error is on its way.
  void wait() const override {
    if (std::uncaught_exceptions() == 0) side->require();
    if (!side->lost()) side->run_until(place);
  }
  const std::shared_ptr<SideWork> side;
  const int64_t place;
};

struct CallList final : Graph {
  explicit CallList(std::vector<Call> list) : calls(std::make_shared<const std::vector<Call>>(std::move(list))) {}
  const std::shared_ptr<const std::vector<Call>> calls;
};

// What is put into the first queue runs at once, so the ranks' threads exchange as they call.
class MemoryCommunicator final : public Communicator {
 public:
  MemoryCommunicator(Group& group, int rank) : group_(group), rank_(rank) {}
  void reduce(const std::vector<Reduction>& what) override { group_.reduce(rank_, what); }

 private:
  Group& group_;
  const int rank_;
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
  std::unique_ptr<Communicator> join(Group& group, int rank) override { return std::make_unique<MemoryCommunicator>(group, rank); }

 protected:
  void run(const KernelCall& call) override {
    if (put_off(call)) return;
    try {
      emulated::launch(call.name, {call.grid.x, call.grid.y, call.grid.z, call.grid.threads, call.grid.shared_bytes}, call.arguments.data(),
                       call.arguments.size());
    } catch (const std::runtime_error& error) {
      throw Error("ERR_KERNEL", error.what());
    }
  }
  void run(const Product& product) override {
    if (side_) throw Error("ERR_NATIVE", "a product on the second queue");
    work_->require();
    multiply_on_processor(product);
  }
  void run(const Clear& clear) override {
    if (!put_off(clear)) std::memset(clear.to, 0, static_cast<size_t>(clear.bytes));
  }
  void run(const Copy& copy) override {
    if (!put_off(copy)) std::memcpy(copy.to, copy.from, static_cast<size_t>(copy.bytes));
  }
  std::unique_ptr<Graph> make_graph(std::vector<Call> calls) override { return std::make_unique<CallList>(std::move(calls)); }
  void run_graph(const Graph& graph) override {
    if (replays_left_ == 0) work_->lose();
    work_->require();
    if (replays_left_ > 0) --replays_left_;
    const auto calls = static_cast<const CallList&>(graph).calls;
    const auto run_all = [this, calls] {
      for (const Call& call : *calls) run_any(call);
    };
    if (side_) {
      later(run_all);
    } else {
      run_all();
    }
  }
  void to_device(void* to, const void* from, int64_t bytes) override { move(to, from, bytes); }
  void to_host(void* to, const void* from, int64_t bytes) override { move(to, from, bytes); }
  std::unique_ptr<Mark> make_mark() override { return std::make_unique<ProcessorMark>(work_, side_ ? work_->end() : 0); }
  void wait_for_all() override {
    work_->require();
    work_->run_until(work_->end());
  }
  void wait_for(const Mark& mark) override {
    if (!side_) mark.wait();  // the second queue's work comes after what the first has done by now
  }
  void use_side_queue(bool side) override { side_ = side; }

 private:
  void move(void* to, const void* from, int64_t bytes) {
    work_->require();
    const auto copy = [to, from, bytes] { std::memcpy(to, from, static_cast<size_t>(bytes)); };
    if (side_) {
      later(copy);
    } else {
      copy();
    }
  }
  // Whoever waits for the work may be on the second queue itself.
  template <class F>
  void later(const F& work) {
    work_->add([this, work] {
      const bool side = std::exchange(side_, false);
      work();
      side_ = side;
    });
  }
  template <class C>
  bool put_off(const C& call) {
    work_->require();
    if (side_) later([this, call] { run(call); });
    return side_;
  }

  bool side_ = false;
  std::shared_ptr<SideWork> work_ = std::make_shared<SideWork>();
  DeviceFacts facts_;
  std::shared_ptr<Budget> budget_;
  int64_t replays_left_;
};

}  // namespace

std::unique_ptr<Device> open_emulated_device() { return std::make_unique<EmulatedDevice>(); }

}  // namespace lrdist::cuda
