// Sets a vector of each replica to one number.
#pragma once

#include "kernel.h"

namespace lrdist::cuda {

// to[k * stride + i] = value for i < n
struct Fill {
  float* to;
  long long stride, n;
  float value;
};

constexpr int fill_threads = 256;
// Grid: any x, replicas in y.
constexpr Kernel<Fill> fill_f32{"fill_f32"};

}  // namespace lrdist::cuda
