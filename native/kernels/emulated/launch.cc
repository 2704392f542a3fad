#include "launch.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "fiber.h"
#include "names.h"
#include "registry.h"

namespace lrdist::emulated {

constinit thread_local const ThreadView* self = nullptr;

namespace {

constexpr unsigned warp_lanes = 32, most_threads = 1024, most_shared_bytes = 227 * 1024;
constexpr size_t stack_bytes = 128 * 1024;
constexpr unsigned guard_bytes = 256;
constexpr unsigned char guard_value = 0xA5;

enum class State { ready, at_block, at_warp, done };

struct Thread {
  Fiber fiber;
  ThreadView view;
  State state = State::ready;
  const char* what = "";  // it waits for
  Place place{};
  unsigned long long given[2] = {};  // to shuffles, by turns: a lane may be one shuffle ahead of another that has not read yet
  unsigned shuffles = 0;
};

std::string text(const Place& place) {
  const std::string file = place.file;
  return file.substr(file.rfind('/') + 1) + ":" + std::to_string(place.line);
}

Order order_from_environment() {
  const char* value = std::getenv("LRDIST_EMULATED_ORDER");
  const std::string order = value ? value : "";
  return order == "backward" ? Order::backward : order == "shuffled" ? Order::shuffled : Order::forward;
}

// The threads of this processor's thread, kept from launch to launch.
class Processor {
 public:
  Order order = order_from_environment();

  ~Processor() {
    for (const auto& [stacks, bytes] : stacks_) munmap(stacks, bytes);
  }
  void launch(const Entry& entry, const Launch& shape, const void* arguments);
  Thread& current() { return *current_; }
  Thread& lane(int index) { return threads_[current_->view.thread.x / warp_lanes * warp_lanes + static_cast<unsigned>(index)]; }

 private:
  static void body(void* processor, unsigned index);
  void make_threads(unsigned count);
  void run_block();
  void run_warp(unsigned first, unsigned lanes);
  void run(Thread& thread);
  void check_end(unsigned first, unsigned count, const char* group);
  std::vector<unsigned> sequence(unsigned count);
  [[noreturn]] void give_up(const std::string& why);

  std::deque<Thread> threads_;
  std::vector<std::pair<void*, size_t>> stacks_;
  std::vector<unsigned char> shared_;
  Thread* current_ = nullptr;
  const Entry* entry_ = nullptr;
  const void* arguments_ = nullptr;
  unsigned count_ = 0;
  std::exception_ptr failure_;
  unsigned long long random_ = 88172645463325252ull;
};

thread_local std::unique_ptr<Processor> made;
Processor& processor() {
  if (!made) made = std::make_unique<Processor>();
  return *made;
}

void Processor::body(void* processor, unsigned index) {
  auto& me = *static_cast<Processor*>(processor);
  try {
    me.entry_->body(me.arguments_);
  } catch (...) {
    me.failure_ = std::current_exception();
  }
  me.threads_[index].state = State::done;
}

void Processor::make_threads(unsigned count) {
  const auto have = static_cast<unsigned>(threads_.size());
  if (count <= have) return;
  void* stacks = mmap(nullptr, (count - have) * stack_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (stacks == MAP_FAILED) throw std::bad_alloc();
  stacks_.push_back({stacks, (count - have) * stack_bytes});
  for (unsigned i = have; i < count; ++i) threads_.emplace_back().fiber.give_stack(static_cast<char*>(stacks) + (i - have) * stack_bytes, stack_bytes);
}

std::vector<unsigned> Processor::sequence(unsigned count) {
  std::vector<unsigned> places(count);
  std::iota(places.begin(), places.end(), 0u);
  if (order == Order::backward) std::reverse(places.begin(), places.end());
  if (order == Order::shuffled) {
    for (unsigned i = count; i > 1; --i) {
      random_ ^= random_ << 13, random_ ^= random_ >> 7, random_ ^= random_ << 17;
      std::swap(places[i - 1], places[random_ % i]);
    }
  }
  return places;
}

void Processor::run(Thread& thread) {
  current_ = &thread;
  self = &thread.view;
  thread.fiber.resume();
  self = nullptr;
  if (failure_) std::rethrow_exception(failure_);
}

// As far as it gets alone, so that a missing __syncthreads() shows.
void Processor::run_warp(unsigned first, unsigned lanes) {
  for (;;) {
    for (const unsigned i : sequence(lanes)) {
      if (threads_[first + i].state == State::ready) run(threads_[first + i]);
    }
    bool waits = false;
    for (unsigned i = 0; i < lanes; ++i) waits |= threads_[first + i].state == State::at_warp;
    if (!waits) return;
    if (lanes != warp_lanes) give_up(std::string(threads_[first].what) + " in a block whose last warp is not full");
    check_end(first, lanes, "warp");
    for (unsigned i = 0; i < lanes; ++i) threads_[first + i].state = State::ready;
  }
}

// All wait for the same thing at the same place, or all are done.
void Processor::check_end(unsigned first, unsigned count, const char* group) {
  const Thread& a = threads_[first];
  for (unsigned i = 1; i < count; ++i) {
    const Thread& b = threads_[first + i];
    const bool same = a.state == b.state && (a.state == State::done || (a.place.line == b.place.line && std::strcmp(a.place.file, b.place.file) == 0));
    if (same) continue;
    const auto describe = [](const Thread& thread) {
      const std::string name = "thread " + std::to_string(thread.view.thread.x);
      return thread.state == State::done ? name + " has returned" : name + " waits in " + thread.what + " at " + text(thread.place);
    };
    give_up("threads of a " + std::string(group) + " wait for different barriers: " + describe(a) + ", " + describe(b));
  }
}

void Processor::run_block() {
  std::fill(shared_.begin(), shared_.end() - guard_bytes, static_cast<unsigned char>(0xFF));
  for (unsigned i = 0; i < count_; ++i) {
    threads_[i].state = State::ready;
    threads_[i].shuffles = 0;
    threads_[i].fiber.start(&Processor::body, this, i);
  }
  const unsigned warps = (count_ + warp_lanes - 1) / warp_lanes;
  do {
    for (const unsigned warp : sequence(warps)) run_warp(warp * warp_lanes, std::min(warp_lanes, count_ - warp * warp_lanes));
    check_end(0, count_, "block");
    for (unsigned i = 0; i < count_; ++i) {
      if (threads_[i].state == State::at_block) threads_[i].state = State::ready;
    }
  } while (threads_[0].state != State::done);
  if (!std::all_of(shared_.end() - guard_bytes, shared_.end(), [](unsigned char x) { return x == guard_value; }))
    give_up("it wrote beyond its dynamic shared memory");
}

void Processor::give_up(const std::string& why) {
  throw std::runtime_error(why);
}

void Processor::launch(const Entry& entry, const Launch& shape, const void* arguments) {
  entry_ = &entry;
  arguments_ = arguments;
  count_ = shape.threads;
  make_threads(count_);
  // 128-byte alignment comes from the start of the vector being rounded up.
  shared_.assign(shape.shared_bytes + 128 + guard_bytes, guard_value);
  auto* shared = reinterpret_cast<unsigned char*>((reinterpret_cast<size_t>(shared_.data()) + 127) / 128 * 128);
  const size_t start = static_cast<size_t>(shared - shared_.data());
  shared_.resize(start + shape.shared_bytes + guard_bytes, guard_value);
  std::fill(shared_.end() - guard_bytes, shared_.end(), guard_value);
  try {
    for (unsigned z = 0; z < shape.z; ++z) {
      for (unsigned y = 0; y < shape.y; ++y) {
        for (unsigned x = 0; x < shape.x; ++x) {
          for (unsigned i = 0; i < count_; ++i) threads_[i].view = {{i, 0, 0}, {x, y, z}, {shape.threads, 1, 1}, {shape.x, shape.y, shape.z}, shared};
          run_block();
        }
      }
    }
  } catch (const std::exception& error) {
    for (Thread& thread : threads_) thread.fiber.abandon();
    failure_ = nullptr;
    throw std::runtime_error("kernel " + entry.name + ": " + error.what());
  }
}

}  // namespace

void wait_for_block(const char* what, Place place) {
  Thread& thread = processor().current();
  thread.state = State::at_block;
  thread.what = what;
  thread.place = place;
  thread.fiber.pause();
}

unsigned long long exchange(const char* what, Place place, unsigned long long bits, int source) {
  Processor& all = processor();
  Thread& thread = all.current();
  const unsigned turn = thread.shuffles++ % 2;
  thread.given[turn] = bits;
  thread.state = State::at_warp;
  thread.what = what;
  thread.place = place;
  thread.fiber.pause();
  return source < 0 ? 0 : all.lane(source).given[turn];
}

int lane_of_self() { return static_cast<int>(self->thread.x % warp_lanes); }

void fail(const char* why, Place place) { throw std::runtime_error(std::string(why) + ", at " + text(place)); }

void launch(const char* kernel, const Launch& shape, const void* arguments, size_t bytes) {
  const Entry* entry = find_kernel(kernel);
  const std::string name = std::string("kernel ") + kernel;
  if (!entry) throw std::runtime_error("there is no " + name);
  if (entry->arguments_bytes != bytes) throw std::runtime_error(name + " takes other arguments: " + std::to_string(bytes) + " bytes given");
  const unsigned most = entry->most_threads ? entry->most_threads : most_threads;
  if (shape.threads == 0 || shape.threads > most) throw std::runtime_error(name + " has blocks of at most " + std::to_string(most) + " threads");
  if (shape.x == 0 || shape.y == 0 || shape.z == 0 || shape.y > 65535 || shape.z > 65535) throw std::runtime_error(name + ": a grid that no device takes");
  if (shape.shared_bytes > most_shared_bytes) throw std::runtime_error(name + " asks for too much shared memory");
  processor().launch(*entry, shape, arguments);
}

void set_order(Order order) { processor().order = order; }

}  // namespace lrdist::emulated
