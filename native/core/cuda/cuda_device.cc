#include "cuda_device.h"

#include <ATen/ops/empty.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <mutex>
#include <set>
#include <tuple>

#include "../engine.h"
#include "cuda_graph.h"
#include "cuda_memory.h"
#include "cuda_module.h"
#include "driver.h"
#include "gpu_sharing.h"
#include "nccl_communicator.h"
#include "products.h"
#include "torch_stream.h"

namespace lrdist::cuda {

namespace {

DeviceAddress address(const void* data) { return reinterpret_cast<DeviceAddress>(data); }

// Of this thread: the device whose context and stream are current.
thread_local const void* entered = nullptr;

class CudaDevice final : public RecordingDevice {
 public:
  CudaDevice(const DeviceFacts& facts, int ordinal, bool tf32);
  ~CudaDevice() override;

  const DeviceFacts& facts() const override { return facts_; }
  int64_t free_bytes() const override;
  std::unique_ptr<DeviceMemory> allocate(int64_t bytes) override;
  std::unique_ptr<DeviceMemory> allocate_pinned(int64_t bytes) override;
  std::unique_ptr<Communicator> join(Group& group, int rank) override;

 protected:
  void run(const KernelCall& call) override;
  void run(const Product& product) override;
  void run(const Clear& clear) override;
  void run(const Copy& copy) override;
  std::unique_ptr<Graph> make_graph(std::vector<Call> calls) override;
  void run_graph(const Graph& graph) override;
  void to_device(void* to, const void* from, int64_t bytes) override;
  void to_host(void* to, const void* from, int64_t bytes) override;
  std::unique_ptr<Mark> make_mark() override;
  void wait_for_all() override;
  void wait_for(const Mark& mark) override;
  void use_side_queue(bool side) override { handle_ = side ? side_ : main_; }

 private:
  void enter() const;
  void settle() const;
  void warm_up();
  void try_products(const std::vector<Call>& calls);

  const DeviceFacts facts_;
  const at::Device device_;
  const bool tf32_;
  const c10::impl::VirtualGuardImpl libtorch_{c10::DeviceType::CUDA};
  std::shared_ptr<PrimaryContext> context_;
  // libtorch works on the first stream; the second runs kernels and graphs only.
  const GpuPlace place_;
  const SideStream side_stream_;
  CUstream_st *main_ = nullptr, *side_ = nullptr;
  CUstream_st* handle_ = nullptr;  // the one in use
  std::unique_ptr<CudaModule> kernels_;
  bool exchanges_ = false;  // with other GPUs, on the first stream
  std::set<std::vector<int64_t>> tried_;  // products, as shape_of() writes them
};

CudaDevice::CudaDevice(const DeviceFacts& facts, int ordinal, bool tf32)
    : facts_(facts),
      device_(c10::DeviceType::CUDA, static_cast<c10::DeviceIndex>(ordinal)),
      tf32_(tf32),
      context_(std::make_shared<PrimaryContext>(ordinal)),
      place_(libtorch_, device_),
      side_stream_(context_),
      main_(handle_of(place_.stream())),
      side_(side_stream_.handle()),
      handle_(main_) {
  entered = nullptr;  // an earlier device may have been at this address
  enter();
  kernels_ = std::make_unique<CudaModule>(kernel_image(facts.major, facts.minor));
  warm_up();
}

CudaDevice::~CudaDevice() {
  context_->make_current_if_possible();
  driver().cuStreamSynchronize(main_);
  driver().cuStreamSynchronize(side_);
  entered = nullptr;
}

void CudaDevice::enter() const {
  if (entered == this) return;
  libtorch_.setDevice(device_);
  libtorch_.exchangeStream(place_.stream());
  context_->make_current();
  entered = this;
}

// Before calls that may wait for the GPU inside the driver: allocating, loading, making a graph. An exchange under way ends only when the other GPUs' threads
// have put theirs in order, and the driver may keep them waiting meanwhile; a wait for the stream does not.
void CudaDevice::settle() const {
  if (exchanges_) check(driver().cuStreamSynchronize(main_), "waiting for the other GPUs");
}

int64_t CudaDevice::free_bytes() const {
  enter();
  settle();
  // It gives back memory of all GPUs and waits for them, so not beside another GPU, whose exchange may wait for this thread.
  if (gpus_in_use() == 1) release_kept_memory();
  size_t free = 0, total = 0;
  check(driver().cuMemGetInfo_v2(&free, &total), "reading the GPU's free memory");
  return static_cast<int64_t>(free) + kept_bytes(device_.index());
}

std::unique_ptr<DeviceMemory> CudaDevice::allocate(int64_t bytes) {
  enter();
  settle();
  const std::lock_guard lock(place_.allocations());
  return with_libtorch(handle_, [&] { return std::make_unique<TensorMemory>(at::empty({bytes}, at::TensorOptions().dtype(at::kByte).device(device_))); });
}

std::unique_ptr<DeviceMemory> CudaDevice::allocate_pinned(int64_t bytes) {
  enter();
  settle();
  return std::make_unique<PinnedMemory>(context_, pinned_, bytes);
}

std::unique_ptr<Communicator> CudaDevice::join(Group& group, int rank) {
  enter();
  exchanges_ = true;
  return make_nccl_communicator(group, rank, main_);
}

void CudaDevice::run(const KernelCall& call) {
  enter();
  kernels_->launch(call, handle_);
}

void CudaDevice::run(const Product& product) {
  enter();
  if (handle_ != main_) throw Error("ERR_NATIVE", "a product on the second queue");
  const std::lock_guard lock(place_.allocations());  // cuBLAS's workspace at the first product
  const ProductSettings settings(tf32_);
  with_libtorch(handle_, [&] { multiply_on_gpu(product, device_); });
}

void CudaDevice::run(const Clear& clear) {
  enter();
  check(driver().cuMemsetD8Async(address(clear.to), 0, static_cast<size_t>(clear.bytes), handle_), "clearing the GPU's memory");
}

void CudaDevice::run(const Copy& copy) {
  enter();
  check(driver().cuMemcpyDtoDAsync_v2(address(copy.to), address(copy.from), static_cast<size_t>(copy.bytes), handle_), "copying on the GPU");
}

void CudaDevice::to_device(void* to, const void* from, int64_t bytes) {
  enter();
  check(driver().cuMemcpyHtoDAsync_v2(address(to), from, static_cast<size_t>(bytes), handle_), "copying to the GPU");
}

void CudaDevice::to_host(void* to, const void* from, int64_t bytes) {
  enter();
  check(driver().cuMemcpyDtoHAsync_v2(to, address(from), static_cast<size_t>(bytes), handle_), "copying from the GPU");
}

std::unique_ptr<Mark> CudaDevice::make_mark() {
  enter();
  return std::make_unique<EventMark>(context_, handle_);
}

void CudaDevice::wait_for_all() {
  enter();
  check(driver().cuStreamSynchronize(main_), "waiting for the GPU");
  check(driver().cuStreamSynchronize(side_), "waiting for the GPU");
}

void CudaDevice::wait_for(const Mark& mark) {
  enter();
  static_cast<const EventMark&>(mark).hold_back(handle_);
}

// One product of each pair of types: cuBLAS makes its handle and its workspace at the first use on a thread and stream, which a capture does not allow.
void CudaDevice::warm_up() {
  constexpr int64_t n = 64;
  const auto memory = allocate(3 * n * n * 4);
  clear(memory->as(), memory->bytes());
  const auto at = [&](int part, Type type) { return Matrices{memory->as<char>() + part * n * n * 4, type, n, n, n, n * n}; };
  for (const auto& [out, in] : {std::pair{Type::f32, Type::f32}, std::pair{Type::bf16, Type::bf16}, std::pair{Type::f32, Type::bf16}}) {
    multiply(at(0, out), at(1, in), false, at(2, in), false, 1, false);
  }
  wait_for_all();
}

// What cuBLAS chooses a kernel by.
std::vector<int64_t> shape_of(const Product& p) {
  std::vector<int64_t> key = {p.transpose_a, p.transpose_b, p.replicas, p.accumulate};
  for (const Matrices* m : {&p.out, &p.a, &p.b}) key.insert(key.end(), {static_cast<int64_t>(m->type), m->rows, m->columns, m->ld, m->stride == 0});
  return key;
}

// Each product of the graph is run once before the capture, so that the driver loads cuBLAS's kernels outside it. The result goes to memory that is thrown away.
// Where there is no room for it, it goes where it belongs, which the graph writes anew before it reads it; one that adds to what is there stays untried, and
// the driver loads its kernel in the capture, which newer ones can do.
void CudaDevice::try_products(const std::vector<Call>& calls) {
  for (const Call& call : calls) {
    const Product* product = std::get_if<Product>(&call);
    if (!product || !tried_.insert(shape_of(*product)).second) continue;
    Product trial = *product;
    trial.out.stride = trial.out.rows * trial.out.ld;
    const auto bytes = static_cast<size_t>(trial.replicas * trial.out.stride * size_of(trial.out.type));
    DeviceAddress scratch = 0;
    if (driver().cuMemAlloc_v2(&scratch, bytes) != result_success) {
      if (!product->accumulate) run(*product);
      continue;
    }
    trial.out.data = reinterpret_cast<void*>(scratch);
    run(trial);
    wait_for_all();
    driver().cuMemFree_v2(scratch);
  }
}

std::unique_ptr<Graph> CudaDevice::make_graph(std::vector<Call> calls) {
  enter();
  settle();
  try_products(calls);
  const std::lock_guard lock(place_.allocations());
  const int64_t allocations = allocations_so_far(device_.index());
  Capture capture(main_);
  for (const Call& call : calls) run_any(call);
  auto graph = capture.end(context_);
  // libtorch's allocator does not know of the capture and would give such memory to others while the graph still uses it.
  if (allocations_so_far(device_.index()) != allocations) throw Error("ERR_LIBTORCH", "libtorch allocated memory in a product that was being captured");
  return graph;
}

void CudaDevice::run_graph(const Graph& graph) {
  enter();
  static_cast<const CapturedGraph&>(graph).launch(handle_);
}

}  // namespace

std::unique_ptr<Device> open_cuda_device(const DeviceFacts& facts, int ordinal, bool tf32) { return std::make_unique<CudaDevice>(facts, ordinal, tf32); }

}  // namespace lrdist::cuda
