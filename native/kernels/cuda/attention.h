// Scaled dot-product attention over packed sequences of different lengths, with dropout on the probabilities: query i of sequence b attends to keys
// cu_k[b] .. cu_k[b + 1]. blockIdx.x: sequence (forward: and tile of its queries), blockIdx.y: replica, blockIdx.z: head; the blocks after the
// sequences clear the rows beyond the real ones.
#pragma once

#include "kernel.h"

namespace lrdist::cuda {

template <class T>
struct Attention {
  int heads, head_dim;
  const int *cu_q, *cu_k;                   // [sequences + 1]
  const T *q, *k, *v;                       // first element of head 0, without biases
  long long ld_q, ld_kv, stride_q, stride_kv;
  const float *bias_q, *bias_k, *bias_v;    // [heads * head_dim], replicas bias_stride apart
  long long bias_stride;
  Rows query_rows;
  Dropout dropout;
  T* context;                               // [K][query_rows.padded][heads * head_dim], replicas context_stride apart
  long long context_stride;
  bool tf32;                                // products of fp32 may be rounded to 10 bits of fraction, as those of bf16 are
  float* log_sum;                           // [K][heads][query_rows.padded]: logarithms of the sums of e^score, for backward; may be null in forward
};

// Gradients have the layout of what they belong to; rows of queries and of keys beyond the real ones become 0.
template <class T>
struct AttentionBackward {
  Attention<T> forward;                     // as it was, with what it left in context and log_sum
  const int* key_count;
  int key_padded;
  const T* dcontext;                        // like context
  T *dq, *dk, *dv;                          // leading dimensions and strides of q and of k, v
  float* sums;                              // [K][query_rows.padded][heads * head_dim]: dq summed over tiles of keys; null if all keys fit in one
};

// Sizes of tiles, by the widest head of an instance.
template <int widest>
struct AttentionTile {
  static constexpr int queries = 32, keys = widest <= 64 ? 64 : 16;
  static constexpr int backward_queries = widest <= 64 ? 32 : 16;
  static constexpr int forward_threads = 4 * queries, backward_threads = 8 * backward_queries;  // 4 and 8 share a row of scores
  // Of rows of queries and keys, and of scores, in shared memory.
  static constexpr int ld = widest + 4, ld_scores = keys + 4;
  static constexpr int forward_floats = (queries + 2 * keys) * ld + queries * (ld_scores + 1);
  static constexpr int backward_floats = 2 * (backward_queries + keys) * ld + 2 * backward_queries * ld_scores;
};

template <class T>
struct AttentionForwardArguments {
  Attention<T> a;
  int sequences, query_tiles;
  bool vectors;  // everything lies at 16-byte boundaries
};
constexpr Kernel<AttentionForwardArguments<float>> attention_forward_f32_64{"attention_forward_f32_64"};
constexpr Kernel<AttentionForwardArguments<float>> attention_forward_f32_256{"attention_forward_f32_256"};
constexpr Kernel<AttentionForwardArguments<float>> attention_forward_tf32_64{"attention_forward_tf32_64"};
constexpr Kernel<AttentionForwardArguments<bfloat>> attention_forward_bf16_64{"attention_forward_bf16_64"};
constexpr Kernel<AttentionForwardArguments<bfloat>> attention_forward_bf16_256{"attention_forward_bf16_256"};

template <class T>
struct AttentionBackwardArguments {
  AttentionBackward<T> a;
  int sequences;
  bool vectors;
};
constexpr Kernel<AttentionBackwardArguments<float>> attention_backward_f32_64{"attention_backward_f32_64"};
constexpr Kernel<AttentionBackwardArguments<float>> attention_backward_f32_256{"attention_backward_f32_256"};
constexpr Kernel<AttentionBackwardArguments<float>> attention_backward_tf32_64{"attention_backward_tf32_64"};
constexpr Kernel<AttentionBackwardArguments<bfloat>> attention_backward_bf16_64{"attention_backward_bf16_64"};
constexpr Kernel<AttentionBackwardArguments<bfloat>> attention_backward_bf16_256{"attention_backward_bf16_256"};

}  // namespace lrdist::cuda
