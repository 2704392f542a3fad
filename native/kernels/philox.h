// Counter-based randomness: Philox4x32-10 (Salmon et al., SC 2011). A dropout mask is a pure function of where an element is,
// so replicas share masks, packing and accumulation do not change them, and an exact resume has nothing to save.
//
//   key     = seed (low word, high word)
//   counter = (element group, token position | site << 16, row's slot in the optimizer step, optimizer step)
//
// One call gives eight 16-bit numbers (low halves first) for eight consecutive elements.
#pragma once

#include <cmath>
#include <cstdint>

namespace lrdist::kernels {

constexpr uint32_t philox_m0 = 0xD2511F53u, philox_m1 = 0xCD9E8D57u;
constexpr uint32_t philox_w0 = 0x9E3779B9u, philox_w1 = 0xBB67AE85u;

struct PhiloxBlock {
  uint32_t x[4];
};

inline PhiloxBlock philox(uint32_t c0, uint32_t c1, uint32_t c2, uint32_t c3, uint32_t k0, uint32_t k1) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = static_cast<uint64_t>(philox_m0) * c0;
    const uint64_t p1 = static_cast<uint64_t>(philox_m1) * c2;
    const uint32_t n0 = static_cast<uint32_t>(p1 >> 32) ^ c1 ^ k0;
    const uint32_t n2 = static_cast<uint32_t>(p0 >> 32) ^ c3 ^ k1;
    c1 = static_cast<uint32_t>(p1);
    c3 = static_cast<uint32_t>(p0);
    c0 = n0;
    c2 = n2;
    k0 += philox_w0;
    k1 += philox_w1;
  }
  return {{c0, c1, c2, c3}};
}

// Sites 3l+1, 3l+2, 3l+3 belong to layer l; heads and masking lie above all layers.
enum Site : uint32_t {
  site_embeddings = 0,
  site_head = 0x8000,
  site_child = 0xFFFB,
  site_mixout = 0xFFFC,
  site_init = 0xFFFD,
  site_labels = 0xFFFE,
  site_masking = 0xFFFF
};
constexpr uint32_t site_attention(int64_t layer) { return static_cast<uint32_t>(3 * layer + 1); }
constexpr uint32_t site_attention_output(int64_t layer) { return static_cast<uint32_t>(3 * layer + 2); }
constexpr uint32_t site_feed_forward(int64_t layer) { return static_cast<uint32_t>(3 * layer + 3); }

// The dropout of one site in one optimizer step. With 16-bit numbers the probability is rounded to 1/65536 and the scale
// follows the rounded value, so the expectation is exact.
struct Dropout {
  uint32_t threshold = 0;  // 0: no dropout
  float scale = 1;
  uint32_t key0 = 0, key1 = 0, step = 0, site = 0;

  bool active() const { return threshold != 0; }
};

inline Dropout make_dropout(double probability, uint64_t seed, int64_t step, uint32_t site) {
  Dropout d;
  d.threshold = static_cast<uint32_t>(std::lround(probability * 65536));
  d.scale = 65536.0f / static_cast<float>(65536 - d.threshold);
  d.key0 = static_cast<uint32_t>(seed);
  d.key1 = static_cast<uint32_t>(seed >> 32);
  d.step = static_cast<uint32_t>(step);
  d.site = site;
  return d;
}

}  // namespace lrdist::kernels
