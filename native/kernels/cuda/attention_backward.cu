// A block takes one head of one sequence: for each tile of keys it goes through the tiles of queries, takes the probabilities again from forward's
// log_sum, and keeps the sums for keys and values in registers. Queries' sums over tiles of keys pass through memory, which only this block touches.
#include "attention.h"
#include "attention_tile.cuh"

namespace lrdist::cuda {
namespace attention {

// The gradients of the scores of one row: those at groups of eight keys part, part + 8, ... of it. Eight threads share a row.
//   p: scores, becomes the probabilities after dropout; ds: gradients of those, becomes the gradients of the scores.
// dot: sum over all keys of probability times gradient; if the keys of this tile are not all of them it is given.
template <int most_groups, class T>
DEVICE void row_backward(float* p, float* ds, int keys, int part, float log_sum, bool all, float dot, const Attention<T>& a, unsigned step, unsigned group0,
                         int position, int slot) {
  constexpr int mine = (most_groups + 7) / 8;
  float probability[mine][8], gradient[mine][8], sum = 0;
  UNROLL for (int i = 0; i < mine; ++i) {
    const int at = 8 * (part + 8 * i);
    if (at >= 8 * most_groups) continue;
    float keep[8], scores[8];
    if (a.dropout.threshold && at < keys) keep_eight(a.dropout, step, group0 + static_cast<unsigned>(part + 8 * i), position, slot, keep);
    eight(p + at, scores);
    eight(ds + at, gradient[i]);
    UNROLL for (int j = 0; j < 8; ++j) {
      const bool real = at + j < keys;
      const float factor = a.dropout.threshold && real ? keep[j] : 1;
      probability[i][j] = real ? expf(scores[j] - log_sum) : 0;
      gradient[i][j] = real ? gradient[i][j] * factor : 0;
      scores[j] = probability[i][j] * factor;
      sum = fmaf(probability[i][j], gradient[i][j], sum);
    }
    set_eight(p + at, scores);
  }
  sum += __shfl_xor_sync(full_mask, sum, 1);
  sum += __shfl_xor_sync(full_mask, sum, 2);
  sum += __shfl_xor_sync(full_mask, sum, 4);
  if (all) dot = sum;
  UNROLL for (int i = 0; i < mine; ++i) {
    const int at = 8 * (part + 8 * i);
    if (at >= 8 * most_groups) continue;
    UNROLL for (int j = 0; j < 8; ++j) gradient[i][j] = probability[i][j] * (gradient[i][j] - dot);
    set_eight(ds + at, gradient[i]);
  }
}

// Products of a row of dcontext with the context, eight threads together: what `dot` is, from the results.
template <class T>
DEVICE float context_dot(const float* dcontext, const T* context, int d, int part) {
  float sum = 0;
  for (int channel = part; channel < d; channel += 8) sum = fmaf(dcontext[channel], to_float(context[channel]), sum);
  sum += __shfl_xor_sync(full_mask, sum, 1);
  sum += __shfl_xor_sync(full_mask, sum, 2);
  return sum + __shfl_xor_sync(full_mask, sum, 4);
}

template <class T, int widest>
DEVICE void backward(const AttentionBackwardArguments<T>& arguments) {
  using Tile = AttentionTile<widest>;
  constexpr int ld = Tile::ld, ld_s = Tile::ld_scores, threads = Tile::backward_threads;
  static_assert(Tile::keys * widest / 16 == threads && Tile::queries * 8 == threads, "a square of the keys' results and an eighth of a row for each thread");
  const AttentionBackward<T>& b = arguments.a;
  const Attention<T>& a = b.forward;
  const bool vectors = arguments.vectors;
  const int d = a.head_dim, head = static_cast<int>(blockIdx.z), sequence = static_cast<int>(blockIdx.x), thread = static_cast<int>(threadIdx.x);
  const long long replica = blockIdx.y, width = static_cast<long long>(a.heads) * d, padded = a.query_rows.padded;
  const long long of_queries = replica * a.stride_q + head * d, of_keys = replica * a.stride_kv + head * d, of_context = replica * a.context_stride + head * d;

  if (sequence >= arguments.sequences) {
    const int part = sequence - arguments.sequences, blocks = static_cast<int>(gridDim.x) - arguments.sequences;
    clear_rows(b.dq + of_queries, a.ld_q, *a.query_rows.count, a.query_rows.padded, d, part, blocks);
    clear_rows(b.dk + of_keys, a.ld_kv, *b.key_count, b.key_padded, d, part, blocks);
    clear_rows(b.dv + of_keys, a.ld_kv, *b.key_count, b.key_padded, d, part, blocks);
    return;
  }
  const int q0 = a.cu_q[sequence], all_queries = a.cu_q[sequence + 1] - q0, k0 = a.cu_k[sequence], all_keys = a.cu_k[sequence + 1] - k0;

  float* const q = dynamic_shared<float>();
  float* const g = q + Tile::queries * ld;
  float* const k = g + Tile::queries * ld;
  float* const v = k + Tile::keys * ld;
  float* const p = v + Tile::keys * ld;
  float* const ds = p + Tile::queries * ld_s;

  const long long bias = replica * a.bias_stride + head * d;
  const float scale = 1 / sqrtf(static_cast<float>(d));
  const int across = parts(d, 4), column = thread % across * 4, own_row = thread / 8, part = thread % 8;
  const unsigned step = a.dropout.threshold ? *a.dropout.step : 0;

  for (int first_key = 0; first_key < all_keys; first_key += Tile::keys) {
    const int keys = min(Tile::keys, all_keys - first_key);
    const bool all = keys == all_keys;
    {
      const long long place = of_keys + (k0 + first_key) * a.ld_kv;
      const Source<T> from[2] = {{a.k + place, a.ld_kv, a.bias_k + bias, 1}, {a.v + place, a.ld_kv, a.bias_v + bias, 1}};
      float* const to[2] = {k, v};
      __syncthreads();
      load_rows(from, to, ld, keys, d, vectors);
    }
    float dk[4][4] = {}, dv[4][4] = {};
    const int key = thread / across * 4;  // the first of this thread's four

    for (int first = 0; first < all_queries; first += Tile::queries) {
      const int queries = min(Tile::queries, all_queries - first);
      const long long query0 = q0 + first;
      {
        const Source<T> from[2] = {{a.q + of_queries + query0 * a.ld_q, a.ld_q, a.bias_q + bias, scale},
                                   {b.dcontext + of_context + query0 * width, width, nullptr, 1}};
        float* const to[2] = {q, g};
        __syncthreads();
        load_rows(from, to, ld, queries, d, vectors);
      }
      __syncthreads();
      if (thread < threads / 2) all_dots(q, queries, k, keys, ld, d, p, ld_s, thread, threads / 2);
      else all_dots(g, queries, v, keys, ld, d, ds, ld_s, thread - threads / 2, threads / 2);
      __syncthreads();
      {
        const int row = min(own_row, queries - 1);
        const int position = a.dropout.threshold ? a.query_rows.position[query0 + row] : 0, slot = a.dropout.threshold ? a.query_rows.slot[query0 + row] : 0;
        const float log_sum = a.log_sum[(replica * a.heads + head) * padded + query0 + row];
        const float dot = all ? 0 : context_dot(g + row * ld, a.context + of_context + (query0 + row) * width, d, part);
        const unsigned group0 = (static_cast<unsigned>(head) << 16) + static_cast<unsigned>(first_key / 8);
        row_backward<Tile::keys / 8>(p + own_row * ld_s, ds + own_row * ld_s, own_row < queries ? keys : 0, part, log_sum, all, dot, a, step, group0,
                                     position, slot);
      }
      __syncthreads();
      if (key < keys) {
        columns_times(p + key, ld_s, g + column, ld, queries, dv);
        columns_times(ds + key, ld_s, q + column, ld, queries, dk);
      }
      const int down = parts(queries, 4);
      for (int t = thread; t < down * across; t += threads) {
        const int r = t / across, channel = t % across * 4;
        float dq[4][4] = {};
        rows_times(ds + r * ld_s, down * ld_s, k + channel, ld, keys, dq);
        UNROLL for (int i = 0; i < 4; ++i) {
          const long long query = r + i * down;
          if (query >= queries) continue;
          UNROLL for (int j = 0; j < 4; ++j) dq[i][j] *= scale;
          if (!all) {
            float* const sums = b.sums + (replica * padded + query0 + query) * width + head * d + channel;
            UNROLL for (int j = 0; j < 4; ++j) {
              if (channel + j >= d) continue;
              if (first_key > 0) dq[i][j] += sums[j];
              sums[j] = dq[i][j];
            }
          }
          if (first_key + keys == all_keys) put_four(b.dq + of_queries + (query0 + query) * a.ld_q + channel, dq[i], d - channel, vectors);
        }
      }
    }
    // Without queries, where nothing is wanted of this sequence, these are sums of nothing, 0.
    UNROLL for (int i = 0; i < 4; ++i) {
      if (key + i >= keys) continue;
      const long long place = of_keys + (k0 + first_key + key + i) * a.ld_kv + column;
      put_four(b.dk + place, dk[i], d - column, vectors);
      put_four(b.dv + place, dv[i], d - column, vectors);
    }
  }
}

}  // namespace attention

LRDIST_KERNEL(attention_backward_f32_64, 256, attention::backward<float, 64>)
LRDIST_KERNEL(attention_backward_f32_256, 256, attention::backward<float, 256>)
LRDIST_KERNEL(attention_backward_bf16_64, 256, attention::backward<bfloat, 64>)
LRDIST_KERNEL(attention_backward_bf16_256, 256, attention::backward<bfloat, 256>)

}  // namespace lrdist::cuda
