// Where the CUDA engine's work runs: a CUDA device, or the emulator, which runs the same kernels on the processor. Work is put in order into one
// queue (or into a second one beside it); what is called between begin_graph() and end_graph() is recorded instead and runs with each replay, with the arguments it was recorded with.
// All methods belong to one thread. Errors: Error with ERR_OUT_OF_MEMORY, ERR_DEVICE_UNAVAILABLE, ERR_DEVICE_LOST or ERR_KERNEL.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "../../kernels/cuda/kernel.h"
#include "communicator.h"

namespace lrdist::cuda {

struct Grid {
  unsigned x = 1, y = 1, z = 1, threads = 128, shared_bytes = 0;
};

enum class Type { f32, bf16 };
inline int64_t size_of(Type type) { return type == Type::f32 ? 4 : 2; }

// One matrix for each replica, row-major: rows lie `ld` elements apart, replicas `stride`; stride 0: all share one.
struct Matrices {
  void* data;
  Type type;
  int64_t rows, columns, ld, stride;
};

struct DeviceFacts {
  std::string name;            // "cuda:0", ...
  std::string description;     // "NVIDIA H200"
  int64_t total_bytes = 0;
  int major = 0, minor = 0;    // compute capability
  bool tf32 = false;           // open, so that products of fp32 matrices are rounded to 10 bits
};

// Device memory, freed with it. Not part of a graph.
class DeviceMemory {
 public:
  virtual ~DeviceMemory() = default;
  template <class T = void>
  T* as() const {
    return static_cast<T*>(data_);
  }
  int64_t bytes() const { return bytes_; }

 protected:
  void* data_ = nullptr;
  int64_t bytes_ = 0;
};

class Graph {
 public:
  virtual ~Graph() = default;
};

// A place in the queue.
class Mark {
 public:
  virtual ~Mark() = default;
  virtual bool passed() const = 0;
  virtual void wait() const = 0;
};

class Group;

class Device {
 public:
  virtual ~Device() = default;

  virtual const DeviceFacts& facts() const = 0;
  virtual int64_t free_bytes() const = 0;
  // Throws ERR_OUT_OF_MEMORY. The memory is not cleared.
  virtual std::unique_ptr<DeviceMemory> allocate(int64_t bytes) = 0;
  // Host memory that uploads and downloads reach without waiting.
  virtual std::unique_ptr<DeviceMemory> allocate_pinned(int64_t bytes) = 0;

  template <class A>
  void launch(const Kernel<A>& kernel, const Grid& grid, const A& arguments) {
    launch_raw(kernel.name, grid, &arguments, sizeof arguments);
  }
  // out (+)= op(a) op(b) for each replica, op = transpose if asked for. Sums are fp32; out may be fp32 where a and b are bf16. With bf16 results
  // nothing is accumulated.
  virtual void multiply(const Matrices& out, const Matrices& a, bool transpose_a, const Matrices& b, bool transpose_b, int64_t replicas, bool accumulate) = 0;
  virtual void clear(void* to, int64_t bytes) = 0;
  virtual void copy(void* to, const void* from, int64_t bytes) = 0;

  // From and to host memory. In order with the rest; with pinned host memory they return at once, else when the copy is done. Not in graphs.
  virtual void upload(void* to, const void* from, int64_t bytes) = 0;
  virtual void download(void* to, const void* from, int64_t bytes) = 0;
  virtual std::unique_ptr<Mark> mark() = 0;
  // What is put into the queue from now on runs after the mark. The host does not wait.
  virtual void wait_for(const Mark& mark) = 0;
  // While it lives, launches, replays, copies and marks go to a second queue, which runs beside the first; nothing but wait_for() puts the two in order. No
  // products there, and no recording.
  class SideQueue {
   public:
    explicit SideQueue(Device& device) : device_(device) { device.use_side_queue(true); }
    ~SideQueue() { device_.use_side_queue(false); }
    SideQueue(const SideQueue&) = delete;
    SideQueue& operator=(const SideQueue&) = delete;

   private:
    Device& device_;
  };
  // This device's part in the exchanges of a group, whose ranks all call it. Null where there are none.
  virtual std::unique_ptr<Communicator> join(Group&, int rank) {
    static_cast<void>(rank);
    return nullptr;
  }
  // Waits for everything. Counted, so that a test can show that none happens in a segment.
  virtual void synchronize() = 0;
  virtual int64_t synchronizations() const = 0;

  virtual void begin_graph() = 0;
  virtual std::unique_ptr<Graph> end_graph() = 0;
  // Instead of end_graph(): nothing of what was recorded is kept.
  virtual void drop_graph() = 0;
  virtual void replay(const Graph& graph) = 0;

 protected:
  virtual void use_side_queue(bool side) = 0;
  virtual void launch_raw(const char* kernel, const Grid& grid, const void* arguments, size_t size) = 0;
};

// Of this process; empty without a CUDA libtorch, a driver or a device. Does not throw.
std::vector<DeviceFacts> cuda_devices();
// Why cuda_devices() is empty; else an empty text.
std::string why_no_cuda();
// "cuda" (the first), "cuda:1", ..., or "emulated". tf32: products of fp32 matrices may be rounded to 10 bits. Throws ERR_DEVICE_UNAVAILABLE, which says what is missing.
std::unique_ptr<Device> open_device(const std::string& name, bool tf32);
// Throws ERR_DEVICE_UNAVAILABLE without the library by which several GPUs exchange gradients.
void require_nccl();

}  // namespace lrdist::cuda
