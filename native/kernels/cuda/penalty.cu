#include "penalty.h"

#include "rules.cuh"

namespace lrdist::cuda {

DEVICE void add_penalty_body(const AddPenaltyArguments& a) {
  __shared__ unsigned char states[chunk_rows];
  const int k = static_cast<int>(blockIdx.y);
  const Chunk chunk = a.chunks.chunks[blockIdx.x];
  double sum = 0;
  if (a.alive[k] && a.rates[static_cast<long long>(k) * a.chunks.tensor_count + chunk.tensor] != 0) {
    const TensorFacts& tensor = a.chunks.tensors[chunk.tensor];
    const ChunkRows rows = rows_of(chunk, tensor, a.word, k, states);
    const Pull pull = gradient_pull(a.rules, k, tensor.flags);
    const ColumnDraw draw = column_draw(a.rules, k, tensor, a.numbers);
    const unsigned element = static_cast<unsigned>(chunk.begin - tensor.offset);
    const float* w = a.weights + k * a.stride + chunk.begin;
    float* gradients = a.gradients + k * a.stride + chunk.begin;
    const float* anchor = pull.anchor ? pull.anchor + chunk.begin : nullptr;
    const float* fisher = pull.fisher ? pull.fisher + chunk.begin : nullptr;
    for_lanes(chunk.length, rows.vectors(), [&](auto lanes, int i) {
      constexpr int N = decltype(lanes)::value;
      const unsigned state = rows.of(i);
      const bool has = state & row_has_gradient;
      if (!has && (pull.strength == 0 || !(state & row_touched))) return;
      float g[N] = {};
      if (has) load(gradients + i, g);
      if (draw) {
        UNROLL for (int n = 0; n < N; ++n) g[n] *= draw.of(element + static_cast<unsigned>(i + n));
      }
      if (pull.strength != 0) {
        float from[N];
        load(w + i, from);
        if (anchor) {
          float u[N];
          load(anchor + i, u);
          UNROLL for (int n = 0; n < N; ++n) from[n] -= u[n];
        }
        float strength[N];
        UNROLL for (int n = 0; n < N; ++n) strength[n] = pull.strength;
        if (fisher) {
          float f[N];
          load(fisher + i, f);
          UNROLL for (int n = 0; n < N; ++n) strength[n] *= f[n];
        }
        UNROLL for (int n = 0; n < N; ++n) g[n] += strength[n] * from[n];
      }
      if (draw || pull.strength != 0) store(gradients + i, g);
      UNROLL for (int n = 0; n < N; ++n) sum += static_cast<double>(g[n]) * g[n];
    });
  }
  sum = block_sum(sum);
  if (threadIdx.x == 0) a.partials[static_cast<long long>(k) * a.chunks.count + blockIdx.x] = sum;
}
LRDIST_KERNEL(add_penalty_kernel, chunk_threads, add_penalty_body)

DEVICE void mark_pulled_rows_body(const MarkPulledRowsArguments& a) {
  const int k = static_cast<int>(blockIdx.y), lane = static_cast<int>(threadIdx.x) % 32;
  const int row = static_cast<int>(blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32);
  const ReplicaRules& rules = a.rules[k];
  const long long place = static_cast<long long>(k) * a.tensor_count + a.tensor;
  if (row >= a.vocab || rules.penalty == pull_none || a.rates[place] == 0) return;
  const TensorFacts& tensor = a.tensors[a.tensor];
  const bool decays = a.decay[place] != 0;
  Pull pull = gradient_pull(a.rules, k, tensor.flags);
  if (rules.penalty == pull_recadam) {
    // Its pull is no gradient and needs no moments: where rows that are skipped decay, it comes with their decay.
    if (decays || !(tensor.flags & tensor_anchored)) return;
    pull = {1, rules.anchor, nullptr};
  }
  unsigned char& touched = a.touched[static_cast<long long>(k) * a.vocab + row];
  if (pull.strength == 0 || touched) return;
  const long long at = tensor.offset + static_cast<long long>(row) * a.width;
  const float* w = a.weights + k * a.stride + at;
  int known = pull.fisher ? 0 : 1, moves = decays || !pull.anchor ? 1 : 0;
  for (int i = lane; i < a.width; i += 32) {
    if (pull.fisher && pull.fisher[at + i] != 0) known = 1;
    if (pull.anchor && w[i] != pull.anchor[at + i]) moves = 1;
  }
  for (int distance = 16; distance > 0; distance /= 2) {
    known |= __shfl_xor_sync(0xFFFFFFFFu, known, distance);
    moves |= __shfl_xor_sync(0xFFFFFFFFu, moves, distance);
  }
  if (!known || !moves) return;
  for (int i = lane; i < a.width; i += 32) a.first[k * a.stride + at + i] = a.second[k * a.stride + at + i] = 0;
  if (lane == 0) touched = 1;
}
LRDIST_KERNEL(mark_pulled_rows_kernel, chunk_threads, mark_pulled_rows_body)

}  // namespace lrdist::cuda
