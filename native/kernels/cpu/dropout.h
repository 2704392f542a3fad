// Filling a run of keep factors (0 or the scale) for consecutive elements of one row.
#pragma once

#include <cstring>

#include "../philox.h"

namespace lrdist::kernels {

// keep[i] for elements group0 * 8 + i, i < n. keep must have room for n rounded up to 128.
inline void fill_keep(const Dropout& d, uint32_t group0, int32_t position, int32_t slot, int64_t n, float* keep) {
  constexpr int lanes = 16;
  const uint32_t c1 = static_cast<uint32_t>(position) | d.site << 16;
  const uint32_t c2 = static_cast<uint32_t>(slot);
  for (int64_t start = 0; start < n; start += 8 * lanes) {
    uint32_t a[lanes], b[lanes], c[lanes], e[lanes];
    for (int i = 0; i < lanes; ++i) {
      a[i] = group0 + static_cast<uint32_t>(start / 8) + static_cast<uint32_t>(i);
      b[i] = c1;
      c[i] = c2;
      e[i] = d.step;
    }
    uint32_t k0 = d.key0, k1 = d.key1;
    for (int round = 0; round < 10; ++round) {
#pragma omp simd
      for (int i = 0; i < lanes; ++i) {
        const uint64_t p0 = static_cast<uint64_t>(philox_m0) * a[i];
        const uint64_t p1 = static_cast<uint64_t>(philox_m1) * c[i];
        a[i] = static_cast<uint32_t>(p1 >> 32) ^ b[i] ^ k0;
        c[i] = static_cast<uint32_t>(p0 >> 32) ^ e[i] ^ k1;
        b[i] = static_cast<uint32_t>(p1);
        e[i] = static_cast<uint32_t>(p0);
      }
      k0 += philox_w0;
      k1 += philox_w1;
    }
    uint32_t words[4 * lanes];
    for (int i = 0; i < lanes; ++i) {
      words[4 * i] = a[i];
      words[4 * i + 1] = b[i];
      words[4 * i + 2] = c[i];
      words[4 * i + 3] = e[i];
    }
    uint16_t halves[8 * lanes];
    std::memcpy(halves, words, sizeof halves);  // little-endian: low half first
    float* out = keep + start;
#pragma omp simd
    for (int i = 0; i < 8 * lanes; ++i) out[i] = halves[i] < d.threshold ? 0.0f : d.scale;
  }
}

inline int64_t keep_room(int64_t n) { return (n + 127) / 128 * 128; }

}  // namespace lrdist::kernels
