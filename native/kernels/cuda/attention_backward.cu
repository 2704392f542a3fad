// A block takes one head of one sequence: for each tile of keys it goes through the tiles of queries, takes the probabilities again from forward's
// log_sum, and keeps the sums for keys and values in registers. Queries' sums over tiles of keys pass through memory, which only this block touches.
#include "attention.h"
#include "attention_scalar.cuh"
#include "attention_tensor.cuh"

namespace lrdist::cuda {
namespace attention {

// The gradients of the scores of one row: those at groups of eight keys part, part + 8, ... of it. Eight threads share a row.
//   p: scores, becomes the probabilities after dropout; ds: gradients of those, becomes the gradients of the scores.
// dot: sum over all keys of probability times gradient; if the keys of this tile are not all of them it is given.
template <class P, int most_groups, class T>
DEVICE void row_backward(float* p, float* ds, int keys, int part, float log_sum, bool all, float dot, const Attention<T>& a, unsigned step, unsigned group0,
                         int position, int slot) {
  constexpr int mine = (most_groups + 7) / 8;
  float probability[mine][8], gradient[mine][8], sum = 0;
  UNROLL for (int i = 0; i < mine; ++i) {
    const int at = 8 * (part + 8 * i);
    if (at >= 8 * most_groups) continue;
    float keep[8], scores[8];
    if (a.dropout.threshold && at < keys) keep_eight(a.dropout, step, group0 + static_cast<unsigned>(part + 8 * i), position, slot, keep);
    load(p + at, scores);
    load(ds + at, gradient[i]);
    UNROLL for (int j = 0; j < 8; ++j) {
      const bool real = at + j < keys;
      const float factor = a.dropout.threshold && real ? keep[j] : 1;
      probability[i][j] = real ? expf(scores[j] - log_sum) : 0;
      gradient[i][j] = real ? gradient[i][j] * factor : 0;
      scores[j] = P::rounded(probability[i][j] * factor);
      sum = fmaf(probability[i][j], gradient[i][j], sum);
    }
    store(p + at, scores);
  }
  sum += __shfl_xor_sync(full_mask, sum, 1);
  sum += __shfl_xor_sync(full_mask, sum, 2);
  sum += __shfl_xor_sync(full_mask, sum, 4);
  if (all) dot = sum;
  UNROLL for (int i = 0; i < mine; ++i) {
    const int at = 8 * (part + 8 * i);
    if (at >= 8 * most_groups) continue;
    UNROLL for (int j = 0; j < 8; ++j) gradient[i][j] = P::rounded(probability[i][j] * (gradient[i][j] - dot));
    store(ds + at, gradient[i]);
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

template <class P, class T, int widest>
DEVICE void backward(const AttentionBackwardArguments<T>& arguments) {
  using Tile = AttentionTile<widest>;
  constexpr int ld = Tile::ld, ld_s = Tile::ld_scores, threads = Tile::backward_threads;
  using Share = typename P::Share;
  constexpr int workers = threads / P::warp, shares = Tile::keys * widest / Share::size / workers;
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
  float* const g = q + Tile::backward_queries * ld;
  float* const k = g + Tile::backward_queries * ld;
  float* const v = k + Tile::keys * ld;
  float* const p = v + Tile::keys * ld;
  float* const ds = p + Tile::backward_queries * ld_s;

  const long long bias = replica * a.bias_stride + head * d;
  const float scale = 1 / sqrtf(static_cast<float>(d));
  const int worker = thread / P::warp, own_row = thread / 8, part = thread % 8;
  const unsigned step = a.dropout.threshold ? *a.dropout.step : 0;

  for (int first_key = 0; first_key < all_keys; first_key += Tile::keys) {
    const int keys = min(Tile::keys, all_keys - first_key);
    const bool all = keys == all_keys;
    const long long place = of_keys + (k0 + first_key) * a.ld_kv;
    const Source<T> of_k = {a.k + place, a.ld_kv, a.bias_k + bias, 1, keys, k}, of_v = {a.v + place, a.ld_kv, a.bias_v + bias, 1, keys, v};
    const auto of_q = [&](int first) {
      return Source<T>{a.q + of_queries + (q0 + first) * a.ld_q, a.ld_q, a.bias_q + bias, scale, min(Tile::backward_queries, all_queries - first), q};
    };
    const auto of_g = [&](int first) {
      return Source<T>{b.dcontext + of_context + (q0 + first) * width, width, nullptr, 1, min(Tile::backward_queries, all_queries - first), g};
    };
    if (first_key > 0) __syncthreads();  // the last tiles have been used
    load_rows<P>({of_k, of_v, of_q(0), of_g(0)}, ld, d, vectors);
    Shares<Share, shares> dk(worker, workers, keys, d, true), dv(worker, workers, keys, d, true);

    for (int first = 0; first < all_queries; first += Tile::backward_queries) {
      const int queries = min(Tile::backward_queries, all_queries - first);
      const long long query0 = q0 + first;
      if (first > 0) {
        __syncthreads();
        load_rows<P>({of_q(first), of_g(first)}, ld, d, vectors);
      }
      __syncthreads();
      if (worker < workers / 2) P::dots(q, queries, k, keys, ld, d, p, ld_s, worker, workers / 2);
      else P::dots(g, queries, v, keys, ld, d, ds, ld_s, worker - workers / 2, workers / 2);
      __syncthreads();
      {
        const int row = min(own_row, queries - 1);
        const int position = a.dropout.threshold ? a.query_rows.position[query0 + row] : 0, slot = a.dropout.threshold ? a.query_rows.slot[query0 + row] : 0;
        const float log_sum = a.log_sum[(replica * a.heads + head) * padded + query0 + row];
        const float dot = all ? 0 : context_dot(g + row * ld, a.context + of_context + (query0 + row) * width, d, part);
        const unsigned group0 = (static_cast<unsigned>(head) << 16) + static_cast<unsigned>(first_key / 8);
        row_backward<P, Tile::keys / 8>(p + own_row * ld_s, ds + own_row * ld_s, own_row < queries ? keys : 0, part, log_sum, all, dot, a, step, group0,
                                     position, slot);
      }
      __syncthreads();
      UNROLL for (int i = 0; i < shares; ++i) {
        dv.at[i].add_columns(p, ld_s, g, ld, queries);
        dk.at[i].add_columns(ds, ld_s, q, ld, queries);
      }
      for (int i = worker; i < Share::count(queries, d); i += workers) {
        Share dq;
        dq.place(i, queries, d, false);
        dq.add_rows(ds, ld_s, k, ld, keys);
        dq.each([&](int query, int channel, auto& x) {
          UNROLL for (int j = 0; j < Share::wide; ++j) x[j] *= scale;
          if (!all) {
            float* const sums = b.sums + (replica * padded + query0 + query) * width + head * d + channel;
            UNROLL for (int j = 0; j < Share::wide; ++j) {
              if (channel + j >= d) continue;
              if (first_key > 0) x[j] += sums[j];
              sums[j] = x[j];
            }
          }
          const bool last = first_key + keys == all_keys;
          if (last && channel < d) put_channels(b.dq + of_queries + (query0 + query) * a.ld_q + channel, x, d - channel, vectors);
        });
      }
    }
    // Without queries, where nothing is wanted of this sequence, these are sums of nothing, 0.
    const auto put_keys = [&](T* to) {
      return [=](int key, int channel, auto& x) {
        if (channel < d) put_channels(to + of_keys + (k0 + first_key + key) * a.ld_kv + channel, x, d - channel, vectors);
      };
    };
    dk.each(put_keys(b.dk));
    dv.each(put_keys(b.dv));
  }
}

}  // namespace attention

LRDIST_KERNEL(attention_backward_f32_64, 256, attention::backward<attention::Scalar, float, 64>)
LRDIST_KERNEL(attention_backward_f32_256, 128, attention::backward<attention::Scalar, float, 256>)
LRDIST_KERNEL(attention_backward_tf32_64, 256, attention::backward<attention::Tensor, float, 64>)
LRDIST_KERNEL(attention_backward_bf16_64, 256, attention::backward<attention::Tensor, bfloat, 64>)
LRDIST_KERNEL(attention_backward_bf16_256, 128, attention::backward<attention::Tensor, bfloat, 256>)

}  // namespace lrdist::cuda
