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

inline void generate(const Dropout& d, PhiloxLanes (&lanes)[2]) {
  uint32_t k0 = d.key0, k1 = d.key1;
  for (int round = 0; round < 10; ++round) {
    lanes[0].round(k0, k1);
    lanes[1].round(k0, k1);
    k0 += philox_w0;
    k1 += philox_w1;
  }
}

// Rows that fill_keep_rows takes at once.
constexpr int64_t keep_rows = 32;

// table[index] for the low halves of the lanes; the high halves are anything.
inline u64x8 look_up(const u32x16 (&table)[2], u64x8 index) {
#ifdef __AVX512F__
  return reinterpret_cast<u64x8>(_mm512_permutex2var_epi32(reinterpret_cast<__m512i>(table[0]), reinterpret_cast<__m512i>(index), reinterpret_cast<__m512i>(table[1])));
#else
  u64x8 found;
  for (int i = 0; i < 8; ++i) found[i] = table[index[i] / 16][index[i] % 16];
  return found;
#endif
}

// Keep factors of `rows` rows of one sequence (at most keep_rows), each of `groups` blocks of eight elements, row after row; room for
// keep_room(8 * rows * groups).
inline void fill_keep_rows(const Dropout& d, uint32_t group0, const int32_t* position, int32_t slot, int64_t rows, int64_t groups, float* keep) {
  uint32_t counters[keep_rows] = {};
  for (int64_t i = 0; i < rows; ++i) counters[i] = static_cast<uint32_t>(position[i]) | d.site << 16;
  u32x16 table[2];
  std::memcpy(table, counters, sizeof table);
  const auto per_row = static_cast<uint64_t>(groups);
  // Row of a block: its index times 2^32 / groups, rounded up; right as long as index * groups < 2^32.
  const u64x8 inverse = u64x8{} + ((uint64_t{1} << 32) + per_row - 1) / per_row;
  const auto row_of = [&](u64x8 index) {
    const u64x8 row = groups == 1 ? index : low_product(index, inverse) >> 32;
    return row & (keep_rows - 1);  // blocks beyond the last row are never read
  };
  u64x8 index[2] = {{0, 1, 2, 3, 4, 5, 6, 7}, {8, 9, 10, 11, 12, 13, 14, 15}};
  for (int64_t block = 0; block < rows * groups; block += 16) {
    PhiloxLanes lanes[2];  // two, so that one works while the other waits
    for (int half = 0; half < 2; ++half) {
      const u64x8 row = row_of(index[half]);
      lanes[half] = {index[half] - low_product(row, u64x8{} + per_row) + group0, look_up(table, row), u64x8{} + static_cast<uint32_t>(slot), u64x8{} + d.step};
      index[half] += 16;
    }
    generate(d, lanes);
    lanes[0].write(d, keep + 8 * block);
    lanes[1].write(d, keep + 8 * block + 64);
  }
}

// keep[i] for elements group0 * 8 + i of one row, i < n. keep must have room for n rounded up to 128.
inline void fill_keep(const Dropout& d, uint32_t group0, int32_t position, int32_t slot, int64_t n, float* keep) {
  const u64x8 eight = {0, 1, 2, 3, 4, 5, 6, 7};
  const uint32_t c1 = static_cast<uint32_t>(position) | d.site << 16, c2 = static_cast<uint32_t>(slot);
  for (int64_t start = 0; start < n; start += 128) {
    const u64x8 group = eight + (group0 + static_cast<uint64_t>(start / 8));
    PhiloxLanes lanes[2] = {{group, u64x8{} + c1, u64x8{} + c2, u64x8{} + d.step}, {group + 8, u64x8{} + c1, u64x8{} + c2, u64x8{} + d.step}};
    generate(d, lanes);
    lanes[0].write(d, keep + start);
    lanes[1].write(d, keep + start + 64);
  }
}

inline int64_t keep_room(int64_t n) { return (n + 127) / 128 * 128; }

}  // namespace lrdist::kernels
