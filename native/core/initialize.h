// Values of parameters that no file has.
#pragma once

#include "layout.h"

namespace lrdist {

// Normal(0, std), ones or zeros, as the tensor's kind wants it. They depend on the seed and the tensor's name, not on its place.
void fill_fresh(const TensorPlace& place, double std, uint64_t seed, float* out);

}  // namespace lrdist
