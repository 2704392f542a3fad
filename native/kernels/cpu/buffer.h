// Scratch memory.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>

namespace lrdist::kernels {

inline int64_t round16(int64_t n) { return (n + 15) / 16 * 16; }

// Memory that only grows.
class Buffer {
 public:
  float* room(int64_t n) {
    if (n > size_) {
      size_ = round16(n);
      data_.reset(static_cast<float*>(std::aligned_alloc(64, static_cast<size_t>(size_) * sizeof(float))));
      if (!data_) throw std::bad_alloc();
    }
    return data_.get();
  }

 private:
  struct Free {
    void operator()(float* p) const { std::free(p); }
  };
  std::unique_ptr<float, Free> data_;
  int64_t size_ = 0;
};

}  // namespace lrdist::kernels
