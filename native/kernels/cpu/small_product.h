// Products of small matrices, with accumulators in registers.
#pragma once

#include <algorithm>
#include <utility>

#include "simd.h"

namespace lrdist::kernels {

// Where a product goes: scale * result, row i also times row_scale[i] if that is given; only the first `width` columns are written.
template <class T>
struct Product {
  T* to;
  int64_t ld, width;
  float scale = 1;
  const float* row_scale = nullptr;
  bool accumulate = false;
};

// Factors are read word by word along the depth of the product: a float, or two bf16 that follow one another there.
struct Pair {
  uint32_t bits;
};

inline f32x16 load_words(const float* p) { return load16(p); }
inline f32x16 spread(float word) { return splat(word); }
inline f32x16 multiply_add(f32x16 sum, f32x16 a, f32x16 b) { return sum + a * b; }
#ifdef __AVX512BF16__
inline __m512bh load_words(const Pair* p) { return reinterpret_cast<__m512bh>(_mm512_loadu_si512(p)); }
inline __m512bh spread(Pair word) { return reinterpret_cast<__m512bh>(_mm512_set1_epi32(static_cast<int32_t>(word.bits))); }
inline f32x16 multiply_add(f32x16 sum, __m512bh a, __m512bh b) { return reinterpret_cast<f32x16>(_mm512_dpbf16_ps(reinterpret_cast<__m512>(sum), a, b)); }
#else
inline u32x16 load_words(const Pair* p) {
  u32x16 v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
inline u32x16 spread(Pair word) { return u32x16{} + word.bits; }
inline f32x16 multiply_add(f32x16 sum, u32x16 a, u32x16 b) {
  const auto upper = [](u32x16 v) { return reinterpret_cast<f32x16>(v & 0xFFFF0000u); };
  return sum + upper(a << 16) * upper(b << 16) + upper(a) * upper(b);
}
#endif

// The left factor, with any strides (in words).
template <class Word>
struct LeftOf {
  const Word* data;
  int64_t row_stride, depth_stride;
};
using Left = LeftOf<float>;

// R rows and 16 V columns from column j on; `left` starts at the first row, b [depth, ld_b].
template <int R, int V, class Word, class T>
void product_tile(const LeftOf<Word>& left, const Word* b, int64_t ld_b, int64_t depth, int64_t i, int64_t j, const Product<T>& out) {
  f32x16 acc[R][V];  // the pragmas keep it in registers
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) acc[r][v] = f32x16{};
  const Word* a = left.data + i * left.row_stride;
  for (int64_t p = 0; p < depth; ++p) {
    decltype(load_words(b)) row[V];
    for (int v = 0; v < V; ++v) row[v] = load_words(b + p * ld_b + j + 16 * v);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const auto s = spread(a[r * left.row_stride + p * left.depth_stride]);
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) acc[r][v] = multiply_add(acc[r][v], s, row[v]);
    }
  }
  const int64_t last = out.width - j - 16 * (V - 1);  // columns of the last vector
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
    T* row = out.to + (i + r) * out.ld + j;
    const float scale = out.row_scale ? out.scale * out.row_scale[i + r] : out.scale;
    if (out.accumulate) {
      store16(row, load16(row) + acc[r][0]);
      if (V == 2) store16(row + 16, load16(row + 16) + acc[r][1]);
      continue;
    }
    if (V == 2) store16(row, scale * acc[r][0]);
    if (last >= 16) store16(row + 16 * (V - 1), scale * acc[r][V - 1]);
    else LastLanes{16 * (V - 1), last}.store(row, scale * acc[r][V - 1]);
  }
}

template <int R, int V, class Word, class T>
void product_rows(int64_t rows, const LeftOf<Word>& left, const Word* b, int64_t ld_b, int64_t depth, int64_t i, int64_t j, const Product<T>& out) {
  if (rows == R) return product_tile<R, V>(left, b, ld_b, depth, i, j, out);
  if constexpr (R > 1) product_rows<R - 1, V>(rows, left, b, ld_b, depth, i, j, out);
}

// out[m, width] = scale * left[m, depth] b[depth, width], or plus the product if it accumulates, for widths that are a multiple of 32.
// Rows of b are padded to a multiple of 16.
template <class Word, class T>
void multiply(int64_t m, int64_t depth, const LeftOf<Word>& left, const Word* b, int64_t ld_b, const Product<T>& out) {
  constexpr int64_t tall = 8;
  for (int64_t j = 0; j < out.width; j += 32) {
    const bool wide = out.width - j > 16;
    for (int64_t i = 0; i < m; i += tall) {
      const int64_t rows = std::min(tall, m - i);
      if (wide) product_rows<tall, 2>(rows, left, b, ld_b, depth, i, j, out);
      else product_rows<tall, 1>(rows, left, b, ld_b, depth, i, j, out);
    }
  }
}

template <int S, size_t... L>
[[gnu::always_inline]] inline void exchange(f32x16& x, f32x16& y, std::index_sequence<L...>) {
  const f32x16 low = shuffle<(L & S ? 16 + L - S : L)...>(x, y), high = shuffle<(L & S ? 16 + L : L + S)...>(x, y);
  x = low;
  y = high;
}

template <int S>
[[gnu::always_inline]] inline void exchange_all(f32x16 (&v)[16]) {
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i)
    if (!(i & S)) exchange<S>(v[i], v[i + S], std::make_index_sequence<16>());
}

// v[i][j] becomes v[j][i].
[[gnu::always_inline]] inline void transpose16(f32x16 (&v)[16]) {
  exchange_all<1>(v);
  exchange_all<2>(v);
  exchange_all<4>(v);
  exchange_all<8>(v);
}

}  // namespace lrdist::kernels
