// A block takes a tile of queries of one head and sequence and goes through the keys in tiles, with a running maximum and sum of each row (Milakov &
// Gimelshein 2018), so that any length needs the same shared memory. Four threads share a row of scores.
#include "attention.h"
#include "attention_tile.cuh"

namespace lrdist::cuda {
namespace attention {

constexpr float lowest = -3e38f;

// Each thread has every fourth group of eight keys of its row. s becomes e^(s - maximum), after dropout, 0 beyond the real keys.
struct RowSoftmax {
  float top = lowest, sum = 0;

  // Returns what the results so far are to be multiplied with.
  template <class T>
  DEVICE float tile(float* s, int keys, int part, const Attention<T>& a, unsigned step, unsigned group0, int position, int slot) {
    const int groups = parts(keys, 8);
    float highest = top;
    for (int g = part; g < groups; g += 4) {
      float x[8];
      eight(s + 8 * g, x);
      UNROLL for (int j = 0; j < 8; ++j) highest = 8 * g + j < keys ? fmaxf(highest, x[j]) : highest;
    }
    highest = fmaxf(highest, __shfl_xor_sync(full_mask, highest, 1));
    highest = fmaxf(highest, __shfl_xor_sync(full_mask, highest, 2));
    float added = 0;
    for (int g = part; g < groups; g += 4) {
      float x[8], keep[8];
      eight(s + 8 * g, x);
      if (a.dropout.threshold) keep_eight(a.dropout, step, group0 + static_cast<unsigned>(g), position, slot, keep);
      UNROLL for (int j = 0; j < 8; ++j) {
        x[j] = 8 * g + j < keys ? expf(x[j] - highest) : 0;
        added += x[j];
        if (a.dropout.threshold) x[j] *= keep[j];
      }
      set_eight(s + 8 * g, x);
    }
    added += __shfl_xor_sync(full_mask, added, 1);
    added += __shfl_xor_sync(full_mask, added, 2);
    const float factor = expf(top - highest);
    top = highest;
    sum = sum * factor + added;
    return factor;
  }
};

template <class T, int widest>
DEVICE void forward(const AttentionForwardArguments<T>& arguments) {
  using Tile = AttentionTile<widest>;
  constexpr int ld = Tile::ld, ld_s = Tile::ld_scores;
  constexpr int shares = Tile::queries * widest / 16 / Tile::forward_threads;  // squares of results that a thread has
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
  {
    const Source<T> from[1] = {{a.q + replica * a.stride_q + q0 * a.ld_q + head * d, a.ld_q, a.bias_q + bias, 1 / sqrtf(static_cast<float>(d))}};
    float* const to[1] = {q};
    load_rows(from, to, ld, queries, d, arguments.vectors);
  }

  // This thread's place in the rows of scores, and what it is for dropout.
  const int own_row = thread / 4, row = min(own_row, queries - 1), part = thread % 4;
  const unsigned step = a.dropout.threshold ? *a.dropout.step : 0;
  const int position = a.dropout.threshold ? a.query_rows.position[q0 + row] : 0, slot = a.dropout.threshold ? a.query_rows.slot[q0 + row] : 0;
  RowSoftmax softmax;

  // And its squares of results: four rows, `down` apart, of four channels.
  const int down = parts(queries, 4), across = parts(d, 4);
  float out[shares][4][4] = {};

  for (int first = 0; first < all_keys; first += Tile::keys) {
    const int keys = min(Tile::keys, all_keys - first);
    const long long place = replica * a.stride_kv + (k0 + first) * a.ld_kv + head * d;
    const Source<T> from[2] = {{a.k + place, a.ld_kv, a.bias_k + bias, 1}, {a.v + place, a.ld_kv, a.bias_v + bias, 1}};
    float* const to[2] = {k, v};
    if (first > 0) __syncthreads();
    load_rows(from, to, ld, keys, d, arguments.vectors);
    __syncthreads();
    all_dots(q, queries, k, keys, ld, d, s, ld_s, thread, Tile::forward_threads);
    __syncthreads();
    const unsigned group0 = (static_cast<unsigned>(head) << 16) + static_cast<unsigned>(first / 8);
    const float factor = softmax.tile(s + own_row * ld_s, own_row < queries ? keys : 0, part, a, step, group0, position, slot);
    if (part == 0) factors[own_row] = factor;
    __syncthreads();
    UNROLL for (int share = 0; share < shares; ++share) {
      const int t = thread + share * Tile::forward_threads, r = t / across, column = t % across * 4;
      if (r >= down) continue;
      UNROLL for (int i = 0; i < 4; ++i) {
        const float by = factors[r + i * down];
        UNROLL for (int j = 0; j < 4; ++j) out[share][i][j] *= by;
      }
      rows_times(s + r * ld_s, down * ld_s, v + column, ld, keys, out[share]);
    }
  }

  __syncthreads();
  if (part == 0) {
    factors[own_row] = 1 / softmax.sum;
    if (a.log_sum && own_row < queries) a.log_sum[(replica * a.heads + head) * a.query_rows.padded + q0 + own_row] = softmax.top + logf(softmax.sum);
  }
  __syncthreads();
  UNROLL for (int share = 0; share < shares; ++share) {
    const int t = thread + share * Tile::forward_threads, r = t / across, column = t % across * 4;
    UNROLL for (int i = 0; i < 4; ++i) {
      const int query = r + i * down;
      if (r >= down || query >= queries) continue;
      UNROLL for (int j = 0; j < 4; ++j) out[share][i][j] *= factors[query];
      put_four(context + (q0 + query) * width + column, out[share][i], d - column, arguments.vectors);
    }
  }
}

}  // namespace attention

LRDIST_KERNEL(attention_forward_f32_64, 128, attention::forward<float, 64>)
LRDIST_KERNEL(attention_forward_f32_256, 128, attention::forward<float, 256>)
LRDIST_KERNEL(attention_forward_bf16_64, 128, attention::forward<bfloat, 64>)
LRDIST_KERNEL(attention_forward_bf16_256, 128, attention::forward<bfloat, 256>)

}  // namespace lrdist::cuda
