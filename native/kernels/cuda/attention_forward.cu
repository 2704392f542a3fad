// A block takes a tile of queries of one head and sequence and goes through the keys in tiles, with a running maximum and sum of each row (Milakov &
// Gimelshein 2018), so that any length needs the same shared memory. Four threads share a row of scores.
#include "attention.h"
#include "attention_scalar.cuh"
#include "attention_tensor.cuh"

namespace lrdist::cuda {
namespace attention {

constexpr float lowest = -3e38f;

// Each thread has every fourth group of eight keys of its row. s becomes e^(s - maximum), after dropout, 0 beyond the real keys.
struct RowSoftmax {
  float top = lowest, sum = 0;

  // Returns what the results so far are to be multiplied with.
  template <class P, class T>
  DEVICE float tile(float* s, int keys, int part, const Attention<T>& a, unsigned step, unsigned group0, int position, int slot) {
    const int groups = parts(keys, 8);
    float highest = top;
    for (int g = part; g < groups; g += 4) {
      float x[8];
      load(s + 8 * g, x);
      UNROLL for (int j = 0; j < 8; ++j) highest = 8 * g + j < keys ? fmaxf(highest, x[j]) : highest;
    }
    highest = fmaxf(highest, __shfl_xor_sync(full_mask, highest, 1));
    highest = fmaxf(highest, __shfl_xor_sync(full_mask, highest, 2));
    float added = 0;
    for (int g = part; g < groups; g += 4) {
      float x[8], keep[8];
      load(s + 8 * g, x);
      if (a.dropout.threshold) keep_eight(a.dropout, step, group0 + static_cast<unsigned>(g), position, slot, keep);
      UNROLL for (int j = 0; j < 8; ++j) {
        x[j] = 8 * g + j < keys ? expf(x[j] - highest) : 0;
        added += x[j];
        x[j] = P::rounded(a.dropout.threshold ? x[j] * keep[j] : x[j]);
      }
      store(s + 8 * g, x);
    }
    added += __shfl_xor_sync(full_mask, added, 1);
    added += __shfl_xor_sync(full_mask, added, 2);
    const float factor = expf(top - highest);
    top = highest;
    sum = sum * factor + added;
    return factor;
  }
};

template <class P, class T, int widest>
DEVICE void forward(const AttentionForwardArguments<T>& arguments) {
  using Tile = AttentionTile<widest>;
  constexpr int ld = Tile::ld, ld_s = Tile::ld_scores;
  using Share = typename P::Share;
  constexpr int workers = Tile::forward_threads / P::warp, shares = Tile::queries * widest / Share::size / workers;
  const Attention<T>& a = arguments.a;
  const int d = a.head_dim, head = static_cast<int>(blockIdx.z), block = static_cast<int>(blockIdx.x), thread = static_cast<int>(threadIdx.x);
  const long long replica = blockIdx.y, width = static_cast<long long>(a.heads) * d;
  T* const context = a.context + replica * a.context_stride + head * d;

  const int tiles = arguments.sequences * arguments.query_tiles;
  if (block >= tiles) {
    clear_rows(context, width, *a.query_rows.count, a.query_rows.padded, d, block - tiles, static_cast<int>(gridDim.x) - tiles);
    return;
  }
  const int sequence = block / arguments.query_tiles;
  const int q0 = a.cu_q[sequence] + block % arguments.query_tiles * Tile::queries;
  const int queries = min(Tile::queries, a.cu_q[sequence + 1] - q0);
  if (queries <= 0) return;
  const int k0 = a.cu_k[sequence], all_keys = a.cu_k[sequence + 1] - k0;

  float* const q = dynamic_shared<float>();
  float* const k = q + Tile::queries * ld;
  float* const v = k + Tile::keys * ld;
  float* const s = v + Tile::keys * ld;
  float* const factors = s + Tile::queries * ld_s;

  const long long bias = replica * a.bias_stride + head * d;
  // This thread's place in the rows of scores, and what it is for dropout.
  const int own_row = thread / 4, row = min(own_row, queries - 1), part = thread % 4;
  const unsigned step = a.dropout.threshold ? *a.dropout.step : 0;
  const int position = a.dropout.threshold ? a.query_rows.position[q0 + row] : 0, slot = a.dropout.threshold ? a.query_rows.slot[q0 + row] : 0;
  RowSoftmax softmax;

  // And its part of the results.
  const int worker = thread / P::warp;
  Shares<Share, shares> out(worker, workers, queries, d, false);

  for (int first = 0; first < all_keys; first += Tile::keys) {
    const int keys = min(Tile::keys, all_keys - first);
    const long long place = replica * a.stride_kv + (k0 + first) * a.ld_kv + head * d;
    const Source<T> of_k = {a.k + place, a.ld_kv, a.bias_k + bias, 1, keys, k}, of_v = {a.v + place, a.ld_kv, a.bias_v + bias, 1, keys, v};
    if (first == 0) {
      const T* const first_query = a.q + replica * a.stride_q + q0 * a.ld_q + head * d;
      load_rows<P>({of_k, of_v, {first_query, a.ld_q, a.bias_q + bias, 1 / sqrtf(static_cast<float>(d)), queries, q}}, ld, d, arguments.vectors);
    } else {
      __syncthreads();  // the last tile has been used
      load_rows<P>({of_k, of_v}, ld, d, arguments.vectors);
    }
    __syncthreads();
    P::dots(q, queries, k, keys, ld, d, s, ld_s, worker, workers);
    __syncthreads();
    const unsigned group0 = (static_cast<unsigned>(head) << 16) + static_cast<unsigned>(first / 8);
    const float factor = softmax.tile<P>(s + own_row * ld_s, own_row < queries ? keys : 0, part, a, step, group0, position, slot);
    if (part == 0) factors[own_row] = factor;
    __syncthreads();
    out.each([&](int query, int, auto& x) {
      UNROLL for (int j = 0; j < Share::wide; ++j) x[j] *= factors[query];
    });
    UNROLL for (int i = 0; i < shares; ++i) out.at[i].add_rows(s, ld_s, v, ld, keys);
  }

  __syncthreads();
  if (part == 0) {
    factors[own_row] = 1 / softmax.sum;
    if (a.log_sum && own_row < queries) a.log_sum[(replica * a.heads + head) * a.query_rows.padded + q0 + own_row] = softmax.top + logf(softmax.sum);
  }
  __syncthreads();
  out.each([&](int query, int channel, auto& x) {
    UNROLL for (int j = 0; j < Share::wide; ++j) x[j] *= factors[query];
    if (channel < d) put_channels(context + (q0 + query) * width + channel, x, d - channel, arguments.vectors);
  });
}

}  // namespace attention

LRDIST_KERNEL(attention_forward_f32_64, 128, attention::forward<attention::Scalar, float, 64>)
LRDIST_KERNEL(attention_forward_f32_256, 128, attention::forward<attention::Scalar, float, 256>)
LRDIST_KERNEL(attention_forward_tf32_64, 128, attention::forward<attention::Tensor, float, 64>)
LRDIST_KERNEL(attention_forward_bf16_64, 128, attention::forward<attention::Tensor, bfloat, 64>)
LRDIST_KERNEL(attention_forward_bf16_256, 128, attention::forward<attention::Tensor, bfloat, 256>)

}  // namespace lrdist::cuda
