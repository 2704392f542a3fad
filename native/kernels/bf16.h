// bfloat16: the upper half of a float. Products read and write it; all other arithmetic is in fp32.
#pragma once

#include <cstdint>
#include <cstring>

namespace lrdist::kernels {

struct bf16 {
  uint16_t bits;
};

inline float to_float(float x) { return x; }
inline float to_float(bf16 x) {
  const uint32_t bits = static_cast<uint32_t>(x.bits) << 16;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

}  // namespace lrdist::kernels
