#include "probe.h"

#include "device.cuh"

namespace lrdist::cuda {

DEVICE void keep_probe_body(const KeepProbe& a) {
  const unsigned step = *a.dropout.step;
  const int row = static_cast<int>(blockIdx.x);
  for (int group = static_cast<int>(threadIdx.x); group < a.width / 8; group += static_cast<int>(blockDim.x)) {
    float keep[8];
    keep_eight(a.dropout, step, static_cast<unsigned>(group), a.position[row], a.slot[row], keep);
    store(a.keep + static_cast<long long>(row) * a.width + 8 * group, keep);
  }
}

DEVICE void round_probe_body(const RoundProbe& a) {
  for (int i = 8 * static_cast<int>(threadIdx.x); i < a.n; i += 8 * static_cast<int>(blockDim.x)) {
    float values[8];
    load(a.from + i, values);
    store(a.to + i, values);
  }
}

DEVICE void sum_probe_body(const SumProbe& a) {
  const float* from = a.from + static_cast<long long>(blockIdx.x) * a.width;
  float part = 0, most = from[0];
  for (int i = static_cast<int>(threadIdx.x); i < a.width; i += static_cast<int>(blockDim.x)) {
    part += from[i];
    most = Larger{}(most, from[i]);
  }
  const float sum = block_sum(part), largest = block_max(most);
  if (threadIdx.x == 0) {
    a.sum[blockIdx.x] = sum;
    a.largest[blockIdx.x] = largest;
  }
}

LRDIST_KERNEL(keep_probe, probe_threads, keep_probe_body)
LRDIST_KERNEL(round_probe, probe_threads, round_probe_body)
LRDIST_KERNEL(sum_probe, probe_threads, sum_probe_body)

}  // namespace lrdist::cuda
