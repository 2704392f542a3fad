// The emulator itself: what it computes, and which mistakes of a kernel it finds. Kernels of this file exist on the processor only.
#include "kernels/emulated/launch.h"

#include <stdexcept>

#include "check.h"
#include "kernels/cuda/device.cuh"

namespace lrdist::cuda {

namespace {

struct Probe {
  int what;
  int* out;
};

constexpr Kernel<Probe> emulator_shuffles{"emulator_shuffles"}, emulator_order{"emulator_order"}, emulator_mistakes{"emulator_mistakes"},
    emulator_grid{"emulator_grid"};

// [what is shuffled][lane]
DEVICE void shuffles(const Probe& a) {
  const int lane = lane_index();
  int* out = a.out + lane;
  out[0] = __shfl_sync(full_mask, lane, 5);
  out[32] = __shfl_sync(full_mask, lane, lane + 1);  // source modulo 32
  out[64] = __shfl_xor_sync(full_mask, lane, 3);
  out[96] = __shfl_down_sync(full_mask, lane, 4);  // the last four keep their own
  out[128] = __shfl_up_sync(full_mask, lane, 4);
  out[160] = __shfl_sync(full_mask, lane, 9, 8);  // the second of each eight
  out[192] = __shfl_down_sync(full_mask, lane, 2, 4);
  out[256] = __shfl_up_sync(full_mask, lane, 1, 4);
  out[224] = static_cast<int>(__shfl_xor_sync(full_mask, 0.5 + lane, 31) * 2);
}

// What the threads find in shared memory that their neighbours write, with and without barriers around the writing.
DEVICE void order(const Probe& a) {
  __shared__ int shared[64];
  const int me = static_cast<int>(threadIdx.x), size = static_cast<int>(blockDim.x);
  shared[me] = -1;
  __syncthreads();
  shared[me] = me;
  if (a.what == 1) __syncthreads();
  a.out[me] = shared[(me + 33) % size];
}

DEVICE void mistakes(const Probe& a) {
  const unsigned me = threadIdx.x;
  switch (a.what) {
    case 0:
      if (me < 32) {
        __syncthreads();
      } else {
        __syncthreads();
      }
      break;
    case 1:
      if (me >= 40) return;
      __syncthreads();
      break;
    case 2:
      if (me % 2 == 0) __syncwarp();
      break;
    case 3:
      if (me < 32) warp_sum(1);
      __syncthreads();  // no mistake: whole warps
      break;
    case 4:
      __shfl_sync(0x1u, 1, 0);
      break;
    case 5:
      dynamic_shared<char>()[8] = 1;
      break;
    case 6: {
      alignas(16) float values[8] = {};
      float four[4];
      load(values + 1, four);
      break;
    }
    default:
      break;
  }
}

DEVICE void grid(const Probe& a) {
  const unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
  a.out[block * blockDim.x + threadIdx.x] += static_cast<int>(1 + block);
  const float* shared = dynamic_shared<float>();
  if (shared[0] == shared[0]) a.out[0] = -1;  // it is filled with NaN
}

LRDIST_KERNEL(emulator_shuffles, 32, shuffles)
LRDIST_KERNEL(emulator_order, 64, order)
LRDIST_KERNEL(emulator_mistakes, 64, mistakes)
LRDIST_KERNEL(emulator_grid, 0, grid)

}  // namespace

}  // namespace lrdist::cuda

namespace lrdist::check {

namespace {

void launch(const char* kernel, const emulated::Launch& shape, int what, std::vector<int>& out) {
  const cuda::Probe probe{what, out.data()};
  emulated::launch(kernel, shape, &probe, sizeof probe);
}

void expect(bool holds, const std::string& what) {
  if (!holds) throw std::runtime_error(what);
}

// "" if nothing is wrong
std::string complaint(int what, const emulated::Launch& shape) {
  std::vector<int> out(64);
  try {
    launch("emulator_mistakes", shape, what, out);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

LRDIST_CHECK(emulator_shuffles) {
  std::vector<int> out(288);
  launch("emulator_shuffles", {1, 1, 1, 32, 0}, 0, out);
  for (int lane = 0; lane < 32; ++lane) {
    const int expected[] = {5, (lane + 1) % 32, lane ^ 3, lane < 28 ? lane + 4 : lane, lane >= 4 ? lane - 4 : lane, lane / 8 * 8 + 1, lane % 4 < 2 ? lane + 2 : lane, 2 * (lane ^ 31) + 1, lane % 4 > 0 ? lane - 1 : lane};
    for (int what = 0; what < 9; ++what)
      expect(out[static_cast<size_t>(32 * what + lane)] == expected[what], "shuffle " + std::to_string(what) + " of lane " + std::to_string(lane));
  }
}

// With a barrier all orders agree; a missing one shows.
LRDIST_CHECK(emulator_orders) {
  std::vector<int> right, forward, backward;  // without it a thread sees only what those before it have written
  for (int i = 0; i < 64; ++i) {
    right.push_back((i + 33) % 64);
    forward.push_back(right.back() < i ? right.back() : -1);
    backward.push_back(right.back() > i ? right.back() : -1);
  }
  const auto run = [&](emulated::Order order, int what) {
    emulated::set_order(order);
    std::vector<int> out(64);
    launch("emulator_order", {1, 1, 1, 64, 0}, what, out);
    emulated::set_order(emulated::Order::forward);
    return out;
  };
  for (const auto order : {emulated::Order::forward, emulated::Order::backward, emulated::Order::shuffled}) expect(run(order, 1) == right, "a barrier did not hold");
  expect(run(emulated::Order::forward, 0) == forward && run(emulated::Order::backward, 0) == backward, "threads ran in another order");
  // A single shuffle may look like another order: only a few threads read what a thread of their own warp has written.
  bool shuffled = false;
  for (int i = 0; i < 50 && !shuffled; ++i) {
    const auto out = run(emulated::Order::shuffled, 0);
    shuffled = out != right && out != forward && out != backward;
  }
  expect(shuffled, "threads were not shuffled");
}

LRDIST_CHECK(emulator_mistakes) {
  const emulated::Launch block = {1, 1, 1, 64, 8};
  const struct {
    int what;
    emulated::Launch shape;
    std::string says;
  } cases[] = {{0, block, "wait for different barriers: thread 0 waits in __syncthreads at emulator.cc:"},
               {1, block, "thread 40 has returned"},
               {2, block, " has returned"},
               {4, block, "mask is not full"},
               {5, block, "beyond its dynamic shared memory"},
               {6, block, "not aligned"},
               {3, {1, 1, 1, 33, 0}, ""},
               {2, {1, 1, 1, 31, 0}, "last warp is not full"},
               {9, {1, 1, 1, 65, 0}, "at most 64 threads"},
               {9, {0, 1, 1, 64, 0}, "a grid that no device takes"},
               {9, {1, 65536, 1, 64, 0}, "a grid that no device takes"},
               {9, {1, 1, 1, 64, 300000}, "too much shared memory"}};
  for (const auto& one : cases) {
    const std::string said = complaint(one.what, one.shape);
    expect(one.says.empty() ? said.empty() : said.find(one.says) != std::string::npos, "mistake " + std::to_string(one.what) + ": '" + said + "', not '" + one.says + "'");
    expect(complaint(3, block).empty(), "a correct launch failed after a wrong one");
  }
}

LRDIST_CHECK(emulator_grids) {
  std::vector<int> out(2 * 3 * 2 * 1024), expected;
  for (int block = 0; block < 12; ++block) expected.insert(expected.end(), 1024, block + 1);
  launch("emulator_grid", {2, 3, 2, 1024, 16}, 0, out);
  expect(out == expected, "a block or thread did not run once");
}

}  // namespace lrdist::check
