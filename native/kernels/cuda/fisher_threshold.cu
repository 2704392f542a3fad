#include "penalty.h"
#include "device.cuh"

namespace lrdist::cuda {

// Floats in their order as unsigned numbers.
DEVICE unsigned ordered_bits(float value) {
  const unsigned bits = __float_as_uint(value);
  return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}
DEVICE float float_of(unsigned order) { return __uint_as_float(order & 0x80000000u ? order & 0x7FFFFFFFu : ~order); }

DEVICE void count_fisher_body(const SelectionArguments& a) {
  const int k = static_cast<int>(blockIdx.y), thread = static_cast<int>(threadIdx.x);
  if (a.rules[k].transform != transform_child_fisher) return;
  const Chunk chunk = a.chunks.chunks[blockIdx.x];
  const float* fisher = a.rules[k].mask_fisher + chunk.begin;
  const int shift = 28 - 4 * a.round;
  const unsigned prefix = a.round == 0 ? 0 : a.prefix[k];
  int counts[selection_digits] = {};
  for (int i = thread; i < chunk.length; i += static_cast<int>(blockDim.x)) {
    const unsigned order = ordered_bits(fisher[i]), digit = order >> shift & 15;
    const bool candidate = a.round == 0 || order >> shift >> 4 == prefix;
    UNROLL for (unsigned d = 0; d < selection_digits; ++d) counts[d] += candidate && digit == d;
  }
  block_sums(counts);
  int* to = a.counts + (static_cast<long long>(k) * a.chunks.count + blockIdx.x) * selection_digits;
  UNROLL for (int d = 0; d < selection_digits; ++d)
    if (thread == d) to[d] = counts[d];
}
LRDIST_KERNEL(count_fisher_kernel, chunk_threads, count_fisher_body)

// One block for each replica.
DEVICE void pick_fisher_body(const SelectionArguments& a) {
  const int k = static_cast<int>(blockIdx.y), thread = static_cast<int>(threadIdx.x);
  if (a.rules[k].transform != transform_child_fisher) return;
  long long totals[selection_digits] = {};
  const int* counts = a.counts + static_cast<long long>(k) * a.chunks.count * selection_digits;
  for (int chunk = thread; chunk < a.chunks.count; chunk += static_cast<int>(blockDim.x)) {
    UNROLL for (int d = 0; d < selection_digits; ++d) totals[d] += counts[static_cast<long long>(chunk) * selection_digits + d];
  }
  block_sums(totals);
  if (thread != 0) return;
  long long rank = a.round == 0 ? a.kept[k] : a.rank[k];
  unsigned digit = 0;
  bool found = false;
  UNROLL for (int d = selection_digits - 1; d >= 0; --d) {
    if (found) continue;
    if (rank <= totals[d]) {
      found = true;
      digit = static_cast<unsigned>(d);
    } else {
      rank -= totals[d];
    }
  }
  const unsigned prefix = (a.round == 0 ? 0 : a.prefix[k] << 4) | digit;
  a.prefix[k] = prefix;
  a.rank[k] = rank;
  if (a.round == selection_rounds - 1) a.thresholds[k] = float_of(prefix);
}
LRDIST_KERNEL(pick_fisher_kernel, chunk_threads, pick_fisher_body)

}  // namespace lrdist::cuda
