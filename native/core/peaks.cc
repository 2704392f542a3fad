// What this machine can do: the rates of matrix products and of memory that a step is held against.
#include <ATen/ops/empty.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/zeros.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <chrono>
#include <limits>

#include "matmul.h"
#include "state.h"

namespace lrdist {
namespace {

constexpr Form forms[] = {Form::forward, Form::input, Form::weight};

template <class F>
double seconds_of(const F& run) {
  const auto start = std::chrono::steady_clock::now();
  run();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

struct Factors {
  at::Tensor x, dy, w;  // [m, k], [m, n], [n, k]
};

// Random numbers: ones would cost the units less power.
Factors factors_of(const PeakShape& s, at::ScalarType type) {
  const auto make = [&](int64_t rows, int64_t columns) { return at::rand({rows, columns}).to(type); };
  return {make(s.m, s.k), make(s.m, s.n), make(s.n, s.k)};
}

void multiply(Library library, Form form, const Factors& f) {
  lrdist::multiply(library, form, form == Form::forward ? f.x : f.dy, form == Form::weight ? f.x : f.w);
}

void poll(const std::atomic<bool>& stop) {
  if (stop.load()) throw Error("ERR_STOPPED", "the measurement was stopped");
}

// Beyond any cache; the pages are touched before the first copy.
double copy_rate(int64_t rounds, const std::atomic<bool>& stop) {
  constexpr int64_t bytes = int64_t{1} << 27;
  require_memory(2 * bytes, "the measurement of the copy bandwidth");
  const at::Tensor from = at::rand({bytes / 4}), to = at::zeros({bytes / 4});
  double best = std::numeric_limits<double>::infinity();
  for (int64_t i = 0; i < rounds; ++i) {
    poll(stop);
    best = std::min(best, seconds_of([&] { to.copy_(from); }));
  }
  return 2.0 * static_cast<double>(bytes) / best;
}

}  // namespace

// The fastest of the rounds counts. Within a round the libraries take turns, so that a disturbance does not hit one of them alone.
Peaks CpuEngine::measure_peaks(const PeakSpec& spec) {
  const c10::InferenceMode guard;
  const std::vector<Library> candidates = libraries();
  const size_t width = candidates.size();
  Peaks peaks;
  for (const Library library : candidates) peaks.libraries.push_back(library_name(library));
  for (const PeakShape& shape : spec.shapes) {
    require_memory(4 * (shape.m * (shape.k + 2 * shape.n) + 2 * shape.n * shape.k), "the measurement of a matrix product");
    const Factors factors = factors_of(shape, spec.precision == Precision::bf16 ? at::kBFloat16 : at::kFloat);
    const double flops = 2.0 * static_cast<double>(shape.m) * static_cast<double>(shape.n) * static_cast<double>(shape.k);
    std::vector<double> best(std::size(forms) * width, std::numeric_limits<double>::infinity());
    for (int64_t round = 0; round < spec.rounds + 1; ++round) {  // the first sets the libraries up
      for (size_t i = 0; i < best.size(); ++i) {
        poll(stop);
        try {
          const double seconds = seconds_of([&] { multiply(candidates[i % width], forms[i / width], factors); });
          if (round > 0) best[i] = std::min(best[i], seconds);
        } catch (const c10::Error&) {
          best[i] = std::numeric_limits<double>::quiet_NaN();  // refused: this processor, or this type
        }
      }
    }
    for (const double seconds : best) peaks.flops_per_second.push_back(flops / seconds);
  }
  peaks.copy_bytes_per_second = copy_rate(spec.rounds, stop);
  return peaks;
}

}  // namespace lrdist
