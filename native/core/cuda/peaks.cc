// What this device can do: the rates of batched matrix products and of memory that a step is held against. Of all replicas of the session, for its
// passes multiply them together; fp32 products are rounded in a tf32 session, as its passes' are.
#include <algorithm>
#include <chrono>
#include <limits>

#include "../engine.h"
#include "launch_pointwise.h"
#include "state.h"

namespace lrdist::cuda {
namespace {

template <class F>
double seconds_of(Device& device, int64_t repeats, const F& run) {
  device.synchronize();
  const auto start = std::chrono::steady_clock::now();
  for (int64_t i = 0; i < repeats; ++i) run();
  device.mark()->wait();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() / static_cast<double>(repeats);
}

// The fastest round. Each round repeats so often that starting and waiting do not count.
template <class F>
double best_of(Device& device, int64_t rounds, const std::atomic<bool>& stop, const F& run) {
  constexpr double long_enough = 2e-3;
  seconds_of(device, 1, run);  // sets the library up
  const double once = seconds_of(device, 1, run);
  const auto repeats = static_cast<int64_t>(std::clamp(long_enough / std::max(once, 1e-9), 1.0, 1000.0));
  double best = std::numeric_limits<double>::infinity();
  for (int64_t i = 0; i < rounds; ++i) {
    if (stop.load()) throw Error("ERR_STOPPED", "the measurement was stopped");
    best = std::min(best, seconds_of(device, repeats, run));
  }
  return best;
}

// Numbers in (-1, 1): ones would cost the units less power.
std::vector<float> numbers(int64_t n) {
  std::vector<float> values(static_cast<size_t>(n));
  uint32_t x = 1;
  for (float& v : values) {
    x = x * 1664525u + 1013904223u;
    v = static_cast<float>(static_cast<int32_t>(x)) * 0x1p-31f;
  }
  return values;
}

// [K][rows][columns] in fp32 or rounded.
struct Matrix {
  Array<float> f32;
  Array<bfloat> low;
  Matrices view;

  Matrix(Device& device, Type type, int64_t replicas, int64_t rows, int64_t columns) {
    const int64_t n = replicas * rows * columns;
    f32 = uploaded(device, numbers(n));
    view = {f32.data(), Type::f32, rows, columns, columns, rows * columns};
    if (type == Type::f32) return;
    low = Array<bfloat>(device, n);
    Convert<float, bfloat> round{};
    round.from = {f32.data(), 0};
    round.to = {low.data(), 0};
    round.n = n;
    convert(device, round, 1);
    view.data = low.data();
    view.type = Type::bf16;
    f32 = {};
  }
};

}  // namespace

Peaks CudaEngine::measure_peaks(const PeakSpec& spec) {
  State& s = *state_;
  Device& d = s.device();
  const int64_t k = s.replicas;
  const Type type = spec.precision == Precision::bf16 ? Type::bf16 : Type::f32;
  Peaks peaks;
  peaks.libraries = {matmul()};
  for (const PeakShape& shape : spec.shapes) {
    s.require_room(8 * (shape.m * shape.k + shape.m * shape.n + shape.n * shape.k), "the matrices of the measurement");
    const Matrix x(d, type, k, shape.m, shape.k), dy(d, type, k, shape.m, shape.n), w(d, type, k, shape.n, shape.k);
    const double flops = 2.0 * static_cast<double>(k) * static_cast<double>(shape.m) * static_cast<double>(shape.n) * static_cast<double>(shape.k);
    const auto rate = [&](const Matrices& out, const Matrices& a, bool ta, const Matrices& b, bool tb) {
      peaks.flops_per_second.push_back(flops / best_of(d, spec.rounds, stop_flag(), [&] { d.multiply(out, a, ta, b, tb, k, false); }));
    };
    const Matrix y(d, type, k, shape.m, shape.n), dx(d, type, k, shape.m, shape.k), dw(d, Type::f32, k, shape.n, shape.k);
    rate(y.view, x.view, false, w.view, true);
    rate(dx.view, dy.view, false, w.view, false);
    rate(dw.view, dy.view, true, x.view, false);
  }
  const int64_t bytes = std::min(int64_t{1} << 29, d.free_bytes() / 8 / 16 * 16);  // beyond any cache
  const Array<unsigned char> from = cleared<unsigned char>(d, bytes), to = cleared<unsigned char>(d, bytes);
  peaks.copy_bytes_per_second = 2.0 * static_cast<double>(bytes) / best_of(d, spec.rounds, stop_flag(), [&] { d.copy(to.data(), from.data(), bytes); });
  return peaks;
}

}  // namespace lrdist::cuda
