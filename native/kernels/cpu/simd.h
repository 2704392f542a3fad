// Vector helpers on GCC/Clang vector extensions: sixteen floats, whatever the processor's width.
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>

#ifdef __AVX512F__
#include <immintrin.h>
#endif

#include "../bf16.h"

namespace lrdist::kernels {

typedef float f32x16 __attribute__((vector_size(64)));
typedef int32_t i32x16 __attribute__((vector_size(64)));
typedef uint32_t u32x16 __attribute__((vector_size(64)));
typedef uint16_t u16x16 __attribute__((vector_size(32)));

inline f32x16 splat(float x) { return x - f32x16{}; }

inline f32x16 load16(const float* p) {
  f32x16 v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
inline f32x16 load16(const bf16* p) {
  u16x16 half;
  std::memcpy(&half, p, sizeof half);
#ifdef __AVX512F__
  const u32x16 bits = reinterpret_cast<u32x16>(_mm512_maskz_cvtepu16_epi32(0xFFFF, reinterpret_cast<__m256i>(half)));
#else
  const u32x16 bits = __builtin_convertvector(half, u32x16);
#endif
  return reinterpret_cast<f32x16>(bits << 16);
}

inline void store16(float* p, f32x16 v) { std::memcpy(p, &v, sizeof v); }
// Rounds to nearest, ties to even; NaN stays NaN.
inline void store16(bf16* p, f32x16 v) {
#ifdef __AVX512BF16__
  const __m256bh half = _mm512_cvtneps_pbh(reinterpret_cast<__m512>(v));
#else
  const u32x16 bits = reinterpret_cast<u32x16>(v), high = bits >> 16;
  const u32x16 rounded = (bits + 0x7FFF + (high & 1)) >> 16;
  const u16x16 half = __builtin_convertvector((bits & 0x7FFFFFFF) > 0x7F800000 ? high | 0x40 : rounded, u16x16);
#endif
  std::memcpy(p, &half, sizeof half);
}

// Sixteen elements of rows, from column `i` on. Several accumulators hide the latency of an addition: `part` says which one to use.
template <int Part>
struct Lanes {
  static constexpr int part = Part;
  int64_t i;
  template <class T>
  f32x16 load(const T* row) const {
    return load16(row + i);
  }
  template <class T>
  void store(T* row, f32x16 v) const {
    store16(row + i, v);
  }
  f32x16 only(f32x16 v) const { return v; }
};

// The last, fewer than sixteen elements of a row; lanes beyond read as 0 and are not written.
struct LastLanes {
  static constexpr int part = 0;
  int64_t i, n;
  template <class T>
  f32x16 load(const T* row) const {
    T lanes[16] = {};
    std::memcpy(lanes, row + i, static_cast<size_t>(n) * sizeof(T));
    return load16(lanes);
  }
  template <class T>
  void store(T* row, f32x16 v) const {
    T lanes[16];
    store16(lanes, v);
    std::memcpy(row + i, lanes, static_cast<size_t>(n) * sizeof(T));
  }
  // v with zeros in the lanes beyond
  f32x16 only(f32x16 v) const {
    for (int64_t lane = n; lane < 16; ++lane) v[lane] = 0;
    return v;
  }
};

// Calls f(lanes) over a row of n elements.
template <class F>
[[gnu::always_inline]] inline void for_lanes(int64_t n, const F& f) {
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) f(Lanes<0>{i});
  if (i < n) f(LastLanes{i, n - i});
}

// The same with four accumulators.
template <class F>
[[gnu::always_inline]] inline void for_lanes_by_four(int64_t n, const F& f) {
  int64_t i = 0;
  for (; i + 64 <= n; i += 64) {
    f(Lanes<0>{i});
    f(Lanes<1>{i + 16});
    f(Lanes<2>{i + 32});
    f(Lanes<3>{i + 48});
  }
  for (; i + 16 <= n; i += 16) f(Lanes<0>{i});
  if (i < n) f(LastLanes{i, n - i});
}

// The lanes I... of x (below the number of lanes) and y (from there on).
template <int... I, class V>
V shuffle(V x, V y) {
#if __has_builtin(__builtin_shufflevector)
  return __builtin_shufflevector(x, y, I...);
#else
  typedef decltype(x > y) Index;
  return __builtin_shuffle(x, y, Index{I...});
#endif
}

// op over all lanes, in all lanes of the result
template <class Op>
f32x16 fold(f32x16 v, const Op& op) {
  v = op(v, shuffle<8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7>(v, v));
  v = op(v, shuffle<4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11>(v, v));
  v = op(v, shuffle<2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13>(v, v));
  return op(v, shuffle<1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14>(v, v));
}
inline f32x16 larger(f32x16 x, f32x16 y) { return x > y ? x : y; }
inline f32x16 sum_in_lanes(f32x16 v) {
  return fold(v, [](f32x16 x, f32x16 y) { return x + y; });
}
inline float sum_of(f32x16 v) { return sum_in_lanes(v)[0]; }

// Sums in four accumulators.
struct Accumulators {
  f32x16 part[4] = {};
  float sum() const { return sum_of((part[0] + part[1]) + (part[2] + part[3])); }
};

// c[0] x^n + ... + c[n]
template <size_t N>
[[gnu::always_inline]] inline f32x16 polynomial(const float (&c)[N], f32x16 x) {
  f32x16 p = splat(c[0]);
#pragma GCC unroll 16
  for (size_t i = 1; i < N; ++i) p = p * x + c[i];
  return p;
}

// Minimax fits to e^x on [-ln2/2, ln2/2]: to 1e-7 for fp32, to 1.2e-4 for results that are rounded to bf16.
template <class T>
inline constexpr float exp_terms[] = {0.0083125203f, 0.041890157f, 0.16667115f, 0.49999231f, 1.0f, 1.0f};
template <>
inline constexpr float exp_terms<bf16>[] = {0.16662808f, 0.50394179f, 1.0f, 1.0f};

// e^x for x <= 0, to about one unit in the last place; flushes to 0 below -87.3.
template <class T = float>
[[gnu::always_inline]] inline f32x16 exp_fast(f32x16 x) {
  const f32x16 lowest = splat(-87.3f);
  const f32x16 clamped = x < lowest ? lowest : x;
  const float magic = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer, which the low bits then hold
  const f32x16 shifted = clamped * 1.44269504088896341f + magic;
  const f32x16 n = shifted - magic;
  const f32x16 r = clamped - n * 0.693359375f + n * 2.12194440e-4f;
  const f32x16 power = reinterpret_cast<f32x16>((reinterpret_cast<i32x16>(shifted) << 23) + (127 << 23));
  return x < lowest ? f32x16{} : polynomial(exp_terms<T>, r) * power;
}

}  // namespace lrdist::kernels
