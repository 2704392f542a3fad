#include "chunk.cuh"
#include "optimizer.h"

namespace lrdist::cuda {

template <bool squares>
DEVICE void gather_gradient_body(const GatherArguments& a) {
  __shared__ unsigned char states[chunk_rows];
  const int k = static_cast<int>(blockIdx.y);
  const Chunk chunk = a.chunks.chunks[blockIdx.x];
  const ChunkRows rows = rows_of(chunk, a.chunks.tensors[chunk.tensor], a.word, k, states);
  const float* gradients = a.gradients + k * a.stride + chunk.begin;
  float* sum = a.sum + k * a.stride + chunk.begin;
  for_lanes(chunk.length, rows.vectors(), [&](auto lanes, int i) {
    constexpr int N = decltype(lanes)::value;
    if (!(rows.of(i) & row_has_gradient)) return;
    float g[N];
    load(gradients + i, g);
    float to[N];
    load(sum + i, to);
    UNROLL for (int n = 0; n < N; ++n) to[n] += squares ? a.scale * g[n] * g[n] : a.scale * g[n];
    store(sum + i, to);
  });
}
LRDIST_KERNEL(add_squares_kernel, chunk_threads, gather_gradient_body<true>)
LRDIST_KERNEL(add_scaled_kernel, chunk_threads, gather_gradient_body<false>)

DEVICE void compare_chunks_body(const CompareArguments& a) {
  const int k = static_cast<int>(blockIdx.y);
  const Chunk chunk = a.chunks.chunks[blockIdx.x];
  const float *x = a.a + k * a.stride_a + chunk.begin, *y = a.b + k * a.stride_b + chunk.begin;
  double sums[4] = {0, 0, 0, 0};
  for (int i = static_cast<int>(threadIdx.x); i < chunk.length; i += static_cast<int>(blockDim.x)) {
    const double p = x[i], q = y[i];
    sums[0] += p * p;
    sums[1] += p * q;
    sums[2] += q * q;
    sums[3] += (p - q) * (p - q);
  }
  block_sums(sums);
  if (threadIdx.x == 0) {
    UNROLL for (int n = 0; n < 4; ++n) a.partials[(static_cast<long long>(k) * a.chunks.count + blockIdx.x) * 4 + n] = sums[n];
  }
}
LRDIST_KERNEL(compare_chunks_kernel, chunk_threads, compare_chunks_body)

DEVICE void add_compared_body(const AddComparedArguments& a) {
  const int place = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (place >= a.replicas * a.tensor_count) return;
  const int k = place / a.tensor_count, tensor = place % a.tensor_count;
  double sums[4] = {0, 0, 0, 0};
  for (int chunk = a.starts[tensor]; chunk < a.starts[tensor + 1]; ++chunk) {
    UNROLL for (int n = 0; n < 4; ++n) sums[n] += a.partials[(static_cast<long long>(k) * a.chunks + chunk) * 4 + n];
  }
  UNROLL for (int n = 0; n < 4; ++n) a.moments[static_cast<long long>(place) * 4 + n] = sums[n];
}
LRDIST_KERNEL(add_compared_kernel, chunk_threads, add_compared_body)

}  // namespace lrdist::cuda
