// Checks of kernels against the processor's. One file for each group of kernels, with lines like
//
//   LRDIST_CHECK(fill) {
//     auto to = c.room<float>(100);
//     ... launch something on c.device, with to.data() in its arguments ...
//     expect_same("fill", to.read(), std::vector<float>(100, 2.5f));
//   }
//
// Arrays have the exact size, and what room() gives is not cleared. A check fails by an exception.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/cuda/device.h"
#include "kernels/bf16.h"

namespace lrdist::check {

template <class T>
class Array {
 public:
  Array(cuda::Device& device, size_t size) : device_(device), size_(size), memory_(device.allocate(static_cast<int64_t>(size * sizeof(T)))) {}
  T* data() const { return memory_->as<T>(); }
  size_t size() const { return size_; }
  std::vector<T> read() const {
    std::vector<T> all(size_);
    device_.download(all.data(), data(), static_cast<int64_t>(size_ * sizeof(T)));
    return all;
  }

 private:
  cuda::Device& device_;
  size_t size_;
  std::unique_ptr<cuda::DeviceMemory> memory_;
};

struct Context {
  cuda::Device& device;

  template <class T>
  Array<T> room(size_t size) {
    return Array<T>(device, size);
  }
  template <class T>
  Array<T> array(const std::vector<T>& values) {
    Array<T> made(device, values.size());
    device.upload(made.data(), values.data(), static_cast<int64_t>(values.size() * sizeof(T)));
    return made;
  }
};

// Of a normal-like distribution with that spread; the same for the same seed.
std::vector<float> random_floats(size_t size, uint64_t seed, float spread = 1);
std::vector<cuda::bfloat> rounded(const std::vector<float>& values);
std::vector<float> widened(const std::vector<cuda::bfloat>& values);
inline const kernels::bf16* on_processor(const cuda::bfloat* values) { return reinterpret_cast<const kernels::bf16*>(values); }
inline kernels::bf16* on_processor(cuda::bfloat* values) { return reinterpret_cast<kernels::bf16*>(values); }

// Within tolerance * (1 + |expected|); NaN only where NaN is expected.
void expect_near(const std::string& what, const std::vector<float>& got, const std::vector<float>& expected, double tolerance);
void expect_same(const std::string& what, const std::vector<float>& got, const std::vector<float>& expected);

struct Check {
  const char* name;
  void (*run)(Context&);
};
const std::vector<Check>& all_checks();
struct CheckRegistration {
  explicit CheckRegistration(Check check);
};

}  // namespace lrdist::check

#define LRDIST_CHECK(name)                                                                  \
  static void check_##name(::lrdist::check::Context& c);                                    \
  static const ::lrdist::check::CheckRegistration registration_##name({#name, check_##name}); \
  static void check_##name([[maybe_unused]] ::lrdist::check::Context& c)
