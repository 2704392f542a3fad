// A kernel's place in the profile: one line at the start of a function. Costs a branch when nobody records.
#pragma once

#include <cstdint>

namespace lrdist::kernels {

// What one call computes and moves. Bytes: every array that it reads or writes, once for each.
struct Work {
  double flops = 0, bytes = 0;
  int64_t rows = 0, columns = 0, inner = 0;  // the shape (of a linear layer: rows and the weight's); 0 where there is none
};

class Recorder {
 public:
  virtual void begin_kernel() = 0;
  virtual void end_kernel(const char* kernel, const Work& work) = 0;

 protected:
  ~Recorder() = default;
};

// Of the thread that computes; null: nobody records.
inline constinit thread_local Recorder* recorder = nullptr;

class Scope {
 public:
  Scope(const char* kernel, const Work& work) : recorder_(recorder), kernel_(kernel), work_(work) {
    if (recorder_) recorder_->begin_kernel();
  }
  ~Scope() {
    if (recorder_) recorder_->end_kernel(kernel_, work_);
  }
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

 private:
  Recorder* const recorder_;
  const char* const kernel_;
  const Work work_;
};

// A pass over matrices [rows, columns]: FLOPs and bytes for each element. A division, a root or an exponential counts as one.
inline Work element_work(int64_t rows, int64_t columns, double flops, double bytes) {
  const double n = static_cast<double>(rows) * static_cast<double>(columns);
  return {n * flops, n * bytes, rows, columns, 0};
}

// The same over n elements of any shape.
inline Work flat_work(int64_t n, double flops, double bytes) { return {static_cast<double>(n) * flops, static_cast<double>(n) * bytes}; }

// A product of a linear layer over m rows, weight [n, k]; its two gradients multiply as much.
inline Work product_work(int64_t m, int64_t n, int64_t k, double element_bytes) {
  const auto a = static_cast<double>(m), b = static_cast<double>(n), c = static_cast<double>(k);
  return {2 * a * b * c, (a * c + c * b + a * b) * element_bytes, m, n, k};
}

}  // namespace lrdist::kernels
