// What device.cuh gives, written to memory, so that checks can compare it with the processor's.
#pragma once

#include "kernel.h"

namespace lrdist::cuda {

// keep[row][column]: the factors of dropout for rows of `width`, a multiple of 8. One block for each row.
struct KeepProbe {
  Dropout dropout;
  const int *position, *slot;
  int width;
  float* keep;
};

// to[i] = from[i] rounded, i < n, a multiple of 8.
struct RoundProbe {
  const float* from;
  bfloat* to;
  int n;
};

// sum[row] and largest[row] of rows of `width`. One block for each row.
struct SumProbe {
  const float* from;
  int width;
  float *sum, *largest;
};

constexpr int probe_threads = 128;
constexpr Kernel<KeepProbe> keep_probe{"keep_probe"};
constexpr Kernel<RoundProbe> round_probe{"round_probe"};
constexpr Kernel<SumProbe> sum_probe{"sum_probe"};

}  // namespace lrdist::cuda
