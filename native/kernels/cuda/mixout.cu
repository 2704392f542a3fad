#include "penalty.h"
#include "rules.cuh"

namespace lrdist::cuda {

// gridDim.x: tensors.
DEVICE void draw_columns_body(const DrawColumnsArguments& a) {
  const TensorFacts& tensor = a.tensors[blockIdx.x];
  if (!(tensor.flags & tensor_mixed)) return;
  unsigned short* numbers = a.numbers + tensor.column_numbers;
  for (int group = static_cast<int>(threadIdx.x); group * 8 < tensor.columns; group += static_cast<int>(blockDim.x)) {
    const Words block = philox(static_cast<unsigned>(group), a.site << 16, tensor.hash, *a.step, a.key0, a.key1);
    for (int i = 0; i < 8 && group * 8 + i < tensor.columns; ++i) numbers[group * 8 + i] = static_cast<unsigned short>(block.at[i / 2] >> (i % 2 * 16));
  }
}
LRDIST_KERNEL(draw_columns_kernel, chunk_threads, draw_columns_body)

DEVICE void mix_body(const MixArguments& a) {
  const int k = static_cast<int>(blockIdx.y);
  const Chunk chunk = a.chunks.chunks[blockIdx.x];
  const TensorFacts& tensor = a.chunks.tensors[chunk.tensor];
  const ColumnDraw draw = column_draw(a.rules, k, tensor, a.numbers);
  const unsigned element = static_cast<unsigned>(chunk.begin - tensor.offset);
  const float* w = a.weights + k * a.stride + chunk.begin;
  const float* anchor = draw ? a.rules[k].mix_anchor + chunk.begin : nullptr;
  float* out = a.out + k * a.stride + chunk.begin;
  bfloat* low = a.low && chunk.begin >= a.low_begin ? a.low + k * a.low_stride + (chunk.begin - a.low_begin) : nullptr;
  const bool vectors = !(tensor.flags & tensor_word) || tensor.columns % 4 == 0;
  for_lanes(chunk.length, vectors, [&](auto lanes, int i) {
    constexpr int N = decltype(lanes)::value;
    float mixed[N];
    load(w + i, mixed);
    if (draw) {
      float u[N];
      load(anchor + i, u);
      UNROLL for (int n = 0; n < N; ++n) mixed[n] = u[n] + draw.of(element + static_cast<unsigned>(i + n)) * (mixed[n] - u[n]);
    }
    store(out + i, mixed);
    if (low) store(low + i, mixed);
  });
}
LRDIST_KERNEL(mix_kernel, chunk_threads, mix_body)

}  // namespace lrdist::cuda
