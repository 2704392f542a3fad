// The engine's own devices: what they promise in core/cuda/device.h.
#include <cmath>
#include <stdexcept>

#include "check.h"
#include "core/engine.h"
#include "kernels/cuda/probe.h"

namespace lrdist::check {

namespace {

using cuda::Matrices;
using cuda::Type;

void expect(bool holds, const char* what) {
  if (!holds) throw std::runtime_error(what);
}

template <class F>
void expect_error(const std::string& code, const F& f) {
  try {
    f();
  } catch (const Error& error) {
    if (error.code != code) throw std::runtime_error("an error " + error.code + " instead of " + code + ": " + error.what());
    return;
  }
  throw std::runtime_error("no error " + code);
}

float number(const Array<float>& array) { return array.read()[0]; }

// Values of a matrix of one replica, op applied.
struct Factor {
  std::vector<float> values;
  int64_t rows, columns, ld, stride;
  bool transpose;
  double at(int64_t replica, int64_t i, int64_t j) const {
    return values[static_cast<size_t>(replica * stride + (transpose ? j * ld + i : i * ld + j))];
  }
  int64_t outer() const { return transpose ? columns : rows; }
  int64_t inner() const { return transpose ? rows : columns; }
};

Factor factor(int64_t rows, int64_t columns, bool transpose, bool shared, int64_t replicas, uint64_t seed) {
  Factor f;
  f.transpose = transpose;
  f.rows = transpose ? columns : rows;
  f.columns = transpose ? rows : columns;
  f.ld = f.columns + 8;
  f.stride = shared ? 0 : f.rows * f.ld + 16;
  // In bf16 exactly, so that one reference serves both types.
  f.values = widened(rounded(random_floats(static_cast<size_t>((shared ? 1 : replicas) * (f.rows * f.ld + 16)), seed)));
  return f;
}

void check_product(cuda::Device& device, Type in, Type out, bool transpose_a, bool transpose_b, bool shared, bool accumulate) {
  constexpr int64_t replicas = 3, m = 24, n = 40, k = 16, ld = n + 8, stride = m * ld + 32;
  Context c{device};
  const Factor a = factor(m, k, transpose_a, shared, replicas, 3), b = factor(k, n, transpose_b, false, replicas, 4);
  const Array<float> af = c.array(a.values), bf = c.array(b.values);
  const Array<cuda::bfloat> al = c.array(rounded(a.values)), bl = c.array(rounded(b.values));
  const std::vector<float> before(replicas * stride, 2.0f);
  const Array<float> to = c.array(before);
  const Array<cuda::bfloat> to_low = c.array(rounded(before));
  const auto matrices = [&](const Factor& f, void* full, void* low) { return Matrices{in == Type::f32 ? full : low, in, f.rows, f.columns, f.ld, f.stride}; };
  const Matrices result = {out == Type::f32 ? static_cast<void*>(to.data()) : to_low.data(), out, m, n, ld, stride};
  device.multiply(result, matrices(a, af.data(), al.data()), transpose_a, matrices(b, bf.data(), bl.data()), transpose_b, replicas, accumulate);
  std::vector<float> expected = before;
  for (int64_t r = 0; r < replicas; ++r) {
    for (int64_t i = 0; i < m; ++i) {
      for (int64_t j = 0; j < n; ++j) {
        double sum = accumulate ? 2 : 0;
        for (int64_t l = 0; l < k; ++l) sum += a.at(r, i, l) * b.at(r, l, j);
        expected[static_cast<size_t>(r * stride + i * ld + j)] = static_cast<float>(sum);
      }
    }
  }
  expect_near("product", out == Type::f32 ? to.read() : widened(to_low.read()), expected, out == Type::f32 ? 1e-5 : 1.0 / 256);
}

}  // namespace

LRDIST_CHECK(device_products) {
  const auto device = cuda::open_device(c.device.facts().name, false);
  for (const auto& [in, out] : {std::pair{Type::f32, Type::f32}, std::pair{Type::bf16, Type::f32}, std::pair{Type::bf16, Type::bf16}}) {
    for (const bool transpose_a : {false, true}) {
      for (const bool transpose_b : {false, true}) {
        for (const bool shared : {false, true}) check_product(*device, in, out, transpose_a, transpose_b, shared, false);
        if (out == Type::f32) check_product(*device, in, out, transpose_a, transpose_b, false, true);
      }
    }
  }
}

// Nothing happens while a graph is recorded; each replay does everything with the arguments of then and the memory of now.
LRDIST_CHECK(device_graphs) {
  const auto device = cuda::open_device(c.device.facts().name, false);
  Context d{*device};
  const Array<float> one = d.array(std::vector<float>{3}), sum = d.array(std::vector<float>{1}), copy = d.array(std::vector<float>{0}),
                     largest = d.array(std::vector<float>{0}), total = d.array(std::vector<float>{0});
  const auto matrix = [](const Array<float>& array) { return Matrices{array.data(), Type::f32, 1, 1, 1, 1}; };
  device->begin_graph();
  cuda::SumProbe probe{one.data(), 1, total.data(), largest.data()};
  device->launch(cuda::sum_probe, {1, 1, 1, 32, 0}, probe);
  probe.sum = nullptr;  // the graph has its own copy
  device->multiply(matrix(sum), matrix(one), false, matrix(one), false, 1, true);
  device->copy(copy.data(), sum.data(), sizeof(float));
  device->clear(largest.data(), sizeof(float));
  const auto graph = device->end_graph();
  expect(number(sum) == 1 && number(copy) == 0 && number(total) == 0, "a recorded call ran");
  device->replay(*graph);
  expect(number(sum) == 10 && number(copy) == 10 && number(total) == 3 && number(largest) == 0, "a replay gave other results");
  const float two = 2;
  device->upload(one.data(), &two, sizeof two);
  device->replay(*graph);
  expect(number(sum) == 14 && number(copy) == 14 && number(total) == 2, "a second replay gave other results");
  device->begin_graph();
  device->clear(sum.data(), sizeof(float));
  device->drop_graph();
  expect(number(sum) == 14, "a call of a dropped graph ran");
  device->clear(sum.data(), sizeof(float));
  expect(number(sum) == 0, "a call after a dropped graph was recorded");
}

LRDIST_CHECK(device_transfers) {
  const auto device = cuda::open_device(c.device.facts().name, false);
  const auto memory = device->allocate(16);
  const auto pinned = device->allocate_pinned(16);
  const auto mark = [&] {
    pinned->as<int>()[2] = 42;
    device->upload(memory->as(), pinned->as(), 16);
    pinned->as<int>()[2] = 42;
    device->download(pinned->as<int>() + 1, memory->as<int>() + 2, 4);
    return device->mark();
  }();
  mark->wait();
  expect(mark->passed(), "a mark that was waited for has not been passed");
  expect(pinned->as<int>()[1] == 42, "what came back is not what was sent");
  expect(device->synchronizations() == 0, "a transfer with pinned memory waited");
  int plain = 0;
  device->download(&plain, memory->as<int>() + 2, 4);
  expect(plain == 42, "what came back is not what was sent");
  expect(device->synchronizations() == 1, "a transfer with other memory did not wait");
  device->synchronize();
  expect(device->synchronizations() == 2, "a wait was not counted");
}

// What the second queue does is seen after a wait for it, and it waits for the first where it is told to.
LRDIST_CHECK(device_queues) {
  const auto device = cuda::open_device(c.device.facts().name, false);
  Context d{*device};
  const std::vector<float> zero = {0};
  const Array<float> first = d.array(std::vector<float>{1}), second = d.array(zero), third = d.array(zero), fourth = d.array(zero), fifth = d.array(zero);
  device->begin_graph();
  device->copy(second.data(), first.data(), sizeof(float));
  const auto graph = device->end_graph();
  const auto ready = device->mark();
  std::unique_ptr<cuda::Mark> done;
  {
    const cuda::Device::SideQueue side(*device);
    device->wait_for(*ready);
    device->replay(*graph);
    device->copy(third.data(), second.data(), sizeof(float));
    done = device->mark();
  }
  {
    const cuda::Device::SideQueue side(*device);
    done->wait();
  }
  expect(number(second) == 1 && number(third) == 1, "the second queue's work is missing");
  {
    const cuda::Device::SideQueue side(*device);
    device->copy(fourth.data(), third.data(), sizeof(float));
    done = device->mark();
  }
  device->wait_for(*done);
  device->copy(fifth.data(), fourth.data(), sizeof(float));
  expect(number(fifth) == 1, "the first queue did not wait");
  expect(device->synchronizations() == 5 + 3, "a mark counted as a wait for everything");
}

LRDIST_CHECK(device_memory) {
  const auto device = cuda::open_device(c.device.facts().name, false);
  const int64_t before = device->free_bytes();
  expect(before > 0 && before <= device->facts().total_bytes, "the free memory is not between nothing and all");
  expect_error("ERR_OUT_OF_MEMORY", [&] { device->allocate(2 * device->facts().total_bytes); });
  const auto some = device->allocate(64 << 20);
  expect(some->bytes() == 64 << 20 && reinterpret_cast<size_t>(some->as()) % 256 == 0, "memory of another size, or not aligned");
  expect(device->free_bytes() <= before - (64 << 20), "memory that was taken is still counted as free");
}

LRDIST_CHECK(device_mistakes) {
  const auto device = cuda::open_device(c.device.facts().name, false);
  const auto memory = device->allocate(1024);
  const Matrices m = {memory->as(), Type::f32, 2, 2, 2, 4}, wide = {memory->as(), Type::f32, 2, 3, 3, 6}, low = {memory->as(), Type::bf16, 2, 2, 2, 4};
  expect_error("ERR_NATIVE", [&] { device->multiply(m, wide, false, m, false, 1, false); });
  expect_error("ERR_NATIVE", [&] { device->multiply(m, m, false, low, false, 1, false); });
  expect_error("ERR_NATIVE", [&] { device->multiply(low, low, false, low, false, 1, true); });
  Matrices shared = m;
  shared.stride = 0;
  expect_error("ERR_NATIVE", [&] { device->multiply(shared, m, false, m, false, 2, false); });
  expect_error("ERR_KERNEL", [&] { device->launch(cuda::Kernel<int>{"nothing"}, {}, 0); });
  const cuda::SumProbe probe{memory->as<float>(), 4, memory->as<float>(), memory->as<float>()};
  expect_error("ERR_KERNEL", [&] { device->launch(cuda::sum_probe, {1, 1, 1, 2 * cuda::probe_threads, 0}, probe); });
  expect_error("ERR_NATIVE", [&] { device->end_graph(); });
  device->begin_graph();
  expect_error("ERR_NATIVE", [&] { device->synchronize(); });
  expect_error("ERR_NATIVE", [&] { device->end_graph(); });  // the mistake ended the recording
  expect_error("ERR_DEVICE_UNAVAILABLE", [] { cuda::open_device("cuda:x", false); });
  expect_error("ERR_DEVICE_UNAVAILABLE", [] { cuda::open_device("cuda:999", false); });
}

}  // namespace lrdist::check
