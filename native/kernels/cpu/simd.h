// Vector helpers on GCC/Clang vector extensions: sixteen floats, whatever the processor's width.
#pragma once

#include <cstdint>
#include <cstring>

namespace lrdist::kernels {

typedef float f32x16 __attribute__((vector_size(64), aligned(4)));

inline f32x16 load16(const float* p) {
  f32x16 v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
inline void store16(float* p, f32x16 v) { std::memcpy(p, &v, sizeof v); }

// e^x to about one unit in the last place; flushes to 0 below -87.3, saturates above 88.
// Range reduction by ln 2 and a degree-6 Taylor polynomial on [-ln2/2, ln2/2].
inline float exp_fast(float x) {
  x = x > 88.0f ? 88.0f : x;
  const float clamped = x < -87.3f ? -87.3f : x;
  const float n = __builtin_rintf(clamped * 1.44269504088896341f);
  float r = clamped - n * 0.693359375f;
  r = r + n * 2.12194440e-4f;
  float p = 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  const int32_t bits = (static_cast<int32_t>(n) + 127) << 23;
  float power;
  std::memcpy(&power, &bits, sizeof power);
  return x < -87.3f ? 0.0f : p * power;
}

// The normal distribution function and density, sharing one exponential. Phi(x) = 1 - e^(-x^2/2) t P(t) / 2 for x >= 0, t = 1 / (1 + 0.36 |x|/sqrt 2);
// P is a minimax fit to erfcx on [0, 6.5] (4e-10 in erf; about 2e-7 in fp32 arithmetic).
inline void normal(float x, float& distribution, float& density) {
  const float z = __builtin_fabsf(x) * 0.70710678118654752f;
  const float t = 1.0f / (1.0f + 0.36f * z);
  float p = 0.06834292341874429f;
  p = p * t - 0.36721654950058613f;
  p = p * t + 0.6779573181333187f;
  p = p * t - 0.5067119600320015f;
  p = p * t + 0.46860124103795253f;
  p = p * t + 0.03752341930959971f;
  p = p * t + 0.2188124433227285f;
  p = p * t + 0.19937496609198824f;
  p = p * t + 0.20331619864825615f;
  const float e = exp_fast(-z * z);
  const float tail = 0.5f * p * t * e;
  distribution = x < 0 ? tail : 1.0f - tail;
  density = 0.3989422804014327f * e;
}

}  // namespace lrdist::kernels
