#include "initialize.h"

#include <algorithm>
#include <cmath>

#include "../kernels/philox.h"

namespace lrdist {

void fill_fresh(const TensorPlace& place, double std, uint64_t seed, float* out) {
  if (place.init != TensorPlace::Init::normal) {
    std::fill_n(out, place.size, place.init == TensorPlace::Init::one ? 1.0f : 0.0f);
    return;
  }
  const int64_t n = place.size;
  const uint32_t hash = name_hash(place.name);
  const auto unit = [](uint32_t bits) { return (static_cast<double>(bits) + 0.5) * 0x1p-32; };
  for (int64_t i = 0; i < n; i += 4) {
    const auto d = kernels::philox(static_cast<uint32_t>(i / 4), kernels::site_init << 16, hash, 0, static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32));
    for (int pair = 0; pair < 2; ++pair) {  // Box-Muller
      const double radius = std * std::sqrt(-2 * std::log(unit(d.x[2 * pair]))), angle = 6.283185307179586 * unit(d.x[2 * pair + 1]);
      if (i + 2 * pair < n) out[i + 2 * pair] = static_cast<float>(radius * std::cos(angle));
      if (i + 2 * pair + 1 < n) out[i + 2 * pair + 1] = static_cast<float>(radius * std::sin(angle));
    }
  }
}

}  // namespace lrdist
