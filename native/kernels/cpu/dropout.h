// Filling runs of keep factors (0 or the scale), Philox in vectors of eight blocks: eight elements each.
#pragma once

#include "../philox.h"
#include "simd.h"

namespace lrdist::kernels {

typedef uint64_t u64x8 __attribute__((vector_size(64)));

// Product of the low halves; what lies in the high halves does not matter.
inline u64x8 low_product(u64x8 a, u64x8 b) {
#ifdef __AVX512F__
  return reinterpret_cast<u64x8>(_mm512_maskz_mul_epu32(0xFF, reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(b)));
#else
  return (a & 0xFFFFFFFF) * (b & 0xFFFFFFFF);
#endif
}

// Counters of eight blocks, then their random words; each in the low half of its lane.
struct PhiloxLanes {
  u64x8 x0, x1, x2, x3;

  void round(uint32_t k0, uint32_t k1) {
    const u64x8 p0 = low_product(x0, u64x8{} + philox_m0), p1 = low_product(x2, u64x8{} + philox_m1);
    x0 = (p1 >> 32) ^ x1 ^ k0;
    x2 = (p0 >> 32) ^ x3 ^ k1;
    x1 = p1;
    x3 = p0;
  }

  // The 64 numbers of the eight blocks as keep factors in their order.
  void write(const Dropout& d, float* keep) const {
    const u64x8 first = (x0 & 0xFFFFFFFF) | x1 << 32, second = (x2 & 0xFFFFFFFF) | x3 << 32;
    const u64x8 halves[2] = {shuffle<0, 8, 1, 9, 2, 10, 3, 11>(first, second), shuffle<4, 12, 5, 13, 6, 14, 7, 15>(first, second)};
    for (int i = 0; i < 4; ++i) {
      u16x16 numbers;  // little-endian: low half first
      std::memcpy(&numbers, reinterpret_cast<const char*>(halves) + 32 * i, sizeof numbers);
      store16(keep + 16 * i, __builtin_convertvector(numbers, u32x16) < d.threshold ? f32x16{} : splat(d.scale));
    }
  }
};

// Keep factors of `rows` rows (fewer than 2^32 / groups^2) of `groups` blocks of eight elements, row after row; room for keep_room(8 * rows * groups).
inline void fill_keep_rows(const Dropout& d, uint32_t group0, const int32_t* position, const int32_t* slot, int64_t rows, int64_t groups, float* keep) {
  const u64x8 eight = {0, 1, 2, 3, 4, 5, 6, 7};
  const u64x8 inverse = u64x8{} + ((uint64_t{1} << 32) + static_cast<uint64_t>(groups) - 1) / static_cast<uint64_t>(groups);
  const uint64_t last = static_cast<uint64_t>(rows - 1);
  for (int64_t block = 0; block < rows * groups; block += 16) {
    PhiloxLanes lanes[2];  // two, so that one works while the other waits
    for (int half = 0; half < 2; ++half) {
      const u64x8 index = eight + static_cast<uint64_t>(block + 8 * half);
      u64x8 row = groups == 1 ? index : low_product(index, inverse) >> 32;
      row = row > last ? u64x8{} + last : row;
      u64x8 c1, c2;
      for (int i = 0; i < 8; ++i) {
        c1[i] = static_cast<uint32_t>(position[row[i]]);
        c2[i] = static_cast<uint32_t>(slot[row[i]]);
      }
      lanes[half] = {index - low_product(row, u64x8{} + static_cast<uint64_t>(groups)) + group0, c1 | d.site << 16, c2, u64x8{} + d.step};
    }
    uint32_t k0 = d.key0, k1 = d.key1;
    for (int round = 0; round < 10; ++round) {
      for (PhiloxLanes& l : lanes) l.round(k0, k1);
      k0 += philox_w0;
      k1 += philox_w1;
    }
    for (int half = 0; half < 2; ++half) lanes[half].write(d, keep + 8 * (block + 8 * half));
  }
}

// keep[i] for elements group0 * 8 + i of one row, i < n. keep must have room for n rounded up to 128.
inline void fill_keep(const Dropout& d, uint32_t group0, int32_t position, int32_t slot, int64_t n, float* keep) {
  const u64x8 eight = {0, 1, 2, 3, 4, 5, 6, 7};
  const uint32_t c1 = static_cast<uint32_t>(position) | d.site << 16, c2 = static_cast<uint32_t>(slot);
  for (int64_t start = 0; start < n; start += 128) {
    const u64x8 group = eight + (group0 + static_cast<uint64_t>(start / 8));
    PhiloxLanes a{group, u64x8{} + c1, u64x8{} + c2, u64x8{} + d.step};
    PhiloxLanes b{group + 8, a.x1, a.x2, a.x3};
    uint32_t k0 = d.key0, k1 = d.key1;
    for (int round = 0; round < 10; ++round) {
      a.round(k0, k1);
      b.round(k0, k1);
      k0 += philox_w0;
      k1 += philox_w1;
    }
    a.write(d, keep + start);
    b.write(d, keep + start + 64);
  }
}

inline int64_t keep_room(int64_t n) { return (n + 127) / 128 * 128; }

}  // namespace lrdist::kernels
