// Copies, conversions and sums.
#include <ATen/Parallel.h>

#include "../scope.h"
#include "column_sums.h"
#include "rows.h"

namespace lrdist::kernels {
namespace {

constexpr int64_t flat_grain = 16384;
constexpr int64_t column_block = 64;

// Calls f(lanes) over n elements in parallel.
template <class F>
void for_flat(int64_t n, const F& f) {
  at::parallel_for(0, (n + 15) / 16, flat_grain / 16, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end && 16 * i + 16 <= n; ++i) f(Lanes<0>{16 * i});
    if (16 * end > n) f(LastLanes{16 * (end - 1), n - 16 * (end - 1)});
  });
}

}  // namespace

template <class T>
void scatter_add(const T* d, const int32_t* index, int64_t count, int64_t width, float* table) {
  const Scope scope("scatter add", element_work(count, width, 1, 8.0 + sizeof(T)));
  const int64_t blocks = (width + column_block - 1) / column_block;
  const int64_t grain = std::max<int64_t>(1, 4 * flat_grain / (column_block * std::max<int64_t>(1, count)));  // one addition for each element read
  at::parallel_for(0, blocks, grain, [&](int64_t first, int64_t last) {
    const int64_t from = first * column_block, to = std::min(last * column_block, width);
    for (int64_t i = 0; i < count; ++i) {
      float* out = table + index[i] * width + from;
      const T* in = d + i * width + from;
      for_lanes(to - from, [&](auto at) { add_to(at, out, at.load(in)); });
    }
  });
}

template <class T>
void column_sums(const T* d, int64_t count, int64_t width, float* out, bool accumulate) {
  const Scope scope("column sums", element_work(count, width, 1, sizeof(T)));
  const BlockSums sums({out, accumulate}, count, width);
  for_row_blocks(count, [&](int64_t block, int64_t begin, int64_t end) {
    float* sum = sums.block(block);
    for (int64_t i = begin; i < end; ++i) for_lanes(width, [&](auto at) { add_to(at, sum, at.load(d + i * width)); });
  });
  sums.finish();
}

void dropout_rows(float* x, const Dropout& dropout, const Rows& rows, int64_t width) {
  const Scope scope("dropout", element_work(rows.count, width, 1, 8));
  if (!dropout.active()) return;
  at::parallel_for(0, rows.count, row_grain(width), [&](int64_t begin, int64_t end) {
    RowScratch scratch(width);
    for (int64_t i = begin; i < end; ++i) {
      fill_keep(dropout, 0, rows.position[i], rows.slot[i], width, scratch.keep.data());
      for_lanes(width, [&](auto at) { at.store(x + i * width, at.load(x + i * width) * at.load(scratch.keep.data())); });
    }
  });
}

void add_bias(float* x, const float* bias, int64_t count, int64_t width) {
  const Scope scope("add bias", element_work(count, width, 1, 8));
  at::parallel_for(0, count, row_grain(width), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) for_lanes(width, [&](auto at) { add_to(at, x + i * width, at.load(bias)); });
  });
}

// To 1e-7 of 1, not of the result.
void bias_tanh(float* x, const float* bias, int64_t count, int64_t width) {
  const Scope scope("bias and tanh", element_work(count, width, 5, 8));
  at::parallel_for(0, count, row_grain(width), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      for_lanes(width, [&](auto at) {
        const f32x16 v = at.load(x + i * width) + at.load(bias);
        const f32x16 e = exp_fast(v < 0 ? 2.0f * v : -2.0f * v), t = (1.0f - e) / (1.0f + e);
        at.store(x + i * width, v < 0 ? -t : t);
      });
  });
}

template <class T>
void add(float* out, const T* x, int64_t n) {
  const Scope scope("add", flat_work(n, 1, 8.0 + sizeof(T)));
  for_flat(n, [=](auto at) { add_to(at, out, at.load(x)); });
}

void copy(float* out, const float* x, int64_t n) {
  const Scope scope("copy", flat_work(n, 0, 8));
  at::parallel_for(0, n, flat_grain, [&](int64_t begin, int64_t end) {
    std::memcpy(out + begin, x + begin, static_cast<size_t>(end - begin) * sizeof(float));
  });
}

void convert(const float* from, bf16* to, int64_t n) {
  const Scope scope("convert", flat_work(n, 0, 6));
  for_flat(n, [=](auto at) { at.store(to, at.load(from)); });
}

void convert(const bf16* from, float* to, int64_t n) {
  const Scope scope("convert", flat_work(n, 0, 6));
  for_flat(n, [=](auto at) { at.store(to, at.load(from)); });
}

template <class T>
void gather_rows(const T* x, const int32_t* index, int64_t count, int64_t padded, int64_t width, T* out) {
  const Scope scope("gather rows", element_work(count, width, 0, 2.0 * sizeof(T)));
  for (int64_t i = 0; i < count; ++i) std::memcpy(out + i * width, x + index[i] * width, static_cast<size_t>(width) * sizeof(T));
  zero_tail(out, count, padded, width);
}

#define INSTANTIATE(T)                                                             \
  template void scatter_add(const T*, const int32_t*, int64_t, int64_t, float*);   \
  template void column_sums(const T*, int64_t, int64_t, float*, bool);             \
  template void add(float*, const T*, int64_t);                                    \
  template void gather_rows(const T*, const int32_t*, int64_t, int64_t, int64_t, T*);
INSTANTIATE(float)
INSTANTIATE(bf16)

}  // namespace lrdist::kernels
