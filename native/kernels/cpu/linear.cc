// The products of a linear layer whose weight fits the cache of a core. A library's product takes as long to look up and set up
// as a product of that size takes to compute; here there is nothing to set up. An element of the result is one sum in the order of
// the depth, whatever the number of rows and of threads.
#include <ATen/Parallel.h>

#include "../kernels.h"
#include "buffer.h"
#include "small_product.h"

namespace lrdist::kernels {
namespace {

// Columns that are multiplied together: two vectors.
constexpr int64_t panel = 32;

template <class T>
struct WordOf;
template <>
struct WordOf<float> {
  using type = float;
};
template <>
struct WordOf<bf16> {
  using type = Pair;
};
template <class T>
using Word = typename WordOf<T>::type;

template <class T>
constexpr int64_t depth_of_word = sizeof(Word<T>) / sizeof(T);

struct Buffers {
  Buffer left, right;
};
thread_local Buffers buffers;

template <class T>
Word<T>* room(Buffer& buffer, int64_t words) {
  return reinterpret_cast<Word<T>*>(buffer.room(words));
}

// A row-major matrix whose rows follow one another along the depth, as words.
template <class T>
const Word<T>* words(const T* x) {
  return reinterpret_cast<const Word<T>*>(x);
}

// Columns of a matrix whose columns follow one another along the depth, as words: [depth, ld].
template <class W>
struct Columns {
  const W* data;
  int64_t ld;
};

Columns<float> columns(const float* x, int64_t, int64_t ld, int64_t first, int64_t, Buffer&) { return {x + first, ld}; }

// Rows 2i and 2i + 1 lane by lane; a missing last row is zero.
Columns<Pair> columns(const bf16* x, int64_t rows, int64_t ld, int64_t first, int64_t count, Buffer& buffer) {
  Pair* to = room<bf16>(buffer, (rows + 1) / 2 * count);
  for (int64_t i = 0; i < rows; i += 2) {
    const bf16* even = x + i * ld + first;
    for (int64_t j = 0; j < count; j += 16) {
      const auto low = reinterpret_cast<u32x16>(load16(even + j)), high = i + 1 < rows ? reinterpret_cast<u32x16>(load16(even + ld + j)) : u32x16{};
      const u32x16 both = low >> 16 | high;  // as fp32 they are in the upper halves
      std::memcpy(to + i / 2 * count + j, &both, sizeof both);
    }
  }
  return {to, count};
}

// Rows first .. first + panel of a matrix [.., depth] turned: [words, panel].
template <class T>
Columns<Word<T>> turned(const T* x, int64_t depth, int64_t first, Buffer& buffer) {
  const int64_t ld = depth / depth_of_word<T>;
  const float* from = reinterpret_cast<const float*>(x) + first * ld;  // as bits: they are only moved
  float* to = buffer.room(ld * panel);
  for (int64_t p = 0; p < ld; p += 16)
    for (int64_t half = 0; half < panel; half += 16) {
      f32x16 block[16];
#pragma GCC unroll 16
      for (int i = 0; i < 16; ++i) block[i] = load16(from + (half + i) * ld + p);
      transpose16(block);
#pragma GCC unroll 16
      for (int i = 0; i < 16; ++i) store16(to + (p + i) * panel + half, block[i]);
    }
  return {reinterpret_cast<const Word<T>*>(to), panel};
}

// Calls f(begin, end) for ranges of columns, whole panels, shared out among the threads unless there is too little to do.
template <class F>
void for_panels(int64_t width, int64_t products, const F& f) {
  constexpr int64_t least = int64_t{1} << 21;  // of a thread
  const int64_t panels = width / panel;
  at::parallel_for(0, panels, std::max<int64_t>(1, least * panels / std::max<int64_t>(1, products)), [&](int64_t begin, int64_t end) { f(begin * panel, end * panel); });
}

}  // namespace

bool has_linear() {
#if defined(__AVX512F__) && defined(__AVX512BF16__)
  return true;
#else
  return false;
#endif
}

template <class T>
void linear_forward(const T* x, const T* w, int64_t m, int64_t n, int64_t k, T* y) {
  const int64_t depth = k / depth_of_word<T>;
  for_panels(n, m * n * k, [&](int64_t begin, int64_t end) {
    for (int64_t j = begin; j < end; j += panel) {
      const Columns<Word<T>> b = turned(w, k, j, buffers.right);
      multiply(m, depth, LeftOf<Word<T>>{words(x), depth, 1}, b.data, b.ld, Product<T>{y + j, n, panel});
    }
  });
}

template <class T>
void linear_input(const T* dy, const T* w, int64_t m, int64_t n, int64_t k, T* dx) {
  const int64_t depth = n / depth_of_word<T>;
  for_panels(k, m * n * k, [&](int64_t begin, int64_t end) {
    for (int64_t j = begin; j < end; j += panel) {
      const Columns<Word<T>> b = columns(w, n, k, j, panel, buffers.right);
      multiply(m, depth, LeftOf<Word<T>>{words(dy), depth, 1}, b.data, b.ld, Product<T>{dx + j, k, panel});
    }
  });
}

// Threads share out the longer side of dw.
template <class T>
void linear_weight(const T* dy, int64_t ld_dy, const T* x, int64_t m, int64_t n, int64_t k, float* dw, bool accumulate) {
  const int64_t depth = (m + depth_of_word<T> - 1) / depth_of_word<T>;
  const auto block = [&](int64_t i, int64_t rows, int64_t j, int64_t width) {
    const Columns<Word<T>> a = columns(dy, m, ld_dy, i, rows, buffers.left), b = columns(x, m, k, j, width, buffers.right);
    multiply(rows, depth, LeftOf<Word<T>>{a.data, 1, a.ld}, b.data, b.ld, Product<float>{dw + i * k + j, k, width, 1, nullptr, accumulate});
  };
  for_panels(std::max(n, k), m * n * k, [&](int64_t begin, int64_t end) {
    if (n < k) block(0, n, begin, end - begin);
    else block(begin, end - begin, 0, k);
  });
}

#define INSTANTIATE(T)                                                             \
  template void linear_forward(const T*, const T*, int64_t, int64_t, int64_t, T*); \
  template void linear_input(const T*, const T*, int64_t, int64_t, int64_t, T*);   \
  template void linear_weight(const T*, int64_t, const T*, int64_t, int64_t, int64_t, float*, bool);
INSTANTIATE(float)
INSTANTIATE(bf16)

}  // namespace lrdist::kernels
