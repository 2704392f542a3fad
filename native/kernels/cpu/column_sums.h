// Sums over the rows of a matrix, taken while another pass has the rows in cache. Added within blocks of 32 rows and then over the
// blocks in their order, whatever the number of threads.
#pragma once

#include <ATen/Parallel.h>

#include <algorithm>
#include <memory>

#include "../kernels.h"
#include "simd.h"

namespace lrdist::kernels {

constexpr int64_t block_rows = 32;

class BlockSums {
 public:
  BlockSums(ColumnTarget target, int64_t rows, int64_t width) : target_(target), width_(width), blocks_((rows + block_rows - 1) / block_rows) {
    if (target.to) sums_ = std::make_unique_for_overwrite<float[]>(static_cast<size_t>(blocks_ * width));
  }

  // The block's own sums, zero; null if they are not wanted.
  float* block(int64_t index) const {
    if (!target_.to) return nullptr;
    float* sums = sums_.get() + index * width_;
    std::fill_n(sums, width_, 0.0f);
    return sums;
  }

  void finish() const {
    if (!target_.to) return;
    for_lanes(width_, [&](auto at) {
      f32x16 sum = {};
      for (int64_t b = 0; b < blocks_; ++b) sum += at.load(sums_.get() + b * width_);
      at.store(target_.to, target_.accumulate ? at.load(target_.to) + sum : sum);
    });
  }

 private:
  ColumnTarget target_;
  int64_t width_, blocks_;
  std::unique_ptr<float[]> sums_;
};

// Calls f(block, first row, end row), blocks in parallel.
template <class F>
void for_row_blocks(int64_t rows, const F& f) {
  at::parallel_for(0, (rows + block_rows - 1) / block_rows, 1, [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) f(b, b * block_rows, std::min((b + 1) * block_rows, rows));
  });
}

template <class At>
void add_to(const At& at, float* sums, f32x16 v) {
  at.store(sums, at.load(sums) + v);
}

}  // namespace lrdist::kernels
