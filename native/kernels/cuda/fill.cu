#include "fill.h"

#include "device.cuh"

namespace lrdist::cuda {

DEVICE void fill_body(const Fill& a) {
  float* to = a.to + blockIdx.y * a.stride;
  const long long step = static_cast<long long>(gridDim.x) * blockDim.x;
  for (long long i = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x; i < a.n; i += step) to[i] = a.value;
}

LRDIST_KERNEL(fill_f32, fill_threads, fill_body)

}  // namespace lrdist::cuda
