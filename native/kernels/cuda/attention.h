// Scaled dot-product attention over packed sequences of different lengths, with dropout on the probabilities: query i of sequence b attends to keys
// cu_k[b] .. cu_k[b + 1]. blockIdx.x: sequence (forward: and tile of its queries), blockIdx.y: replica, blockIdx.z: head. The last few "sequences" of a
// grid clear the rows beyond the real ones.
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

// What the grid's host side decides. Tiles are rounded to 4 rows.
struct AttentionTiles {
  int sequences, query_tiles, query_rows, key_rows;
};

template <class T>
struct AttentionForwardArguments {
  Attention<T> a;
  AttentionTiles tiles;
};
template <class T>
struct AttentionBackwardArguments {
  AttentionBackward<T> a;
  AttentionTiles tiles;
};

}  // namespace lrdist::cuda
