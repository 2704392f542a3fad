// Attention for all replicas, forward and backward. `sequences` and `longest` are the bucket's: no batch that a recorded graph serves has more, or
// longer, sequences; those that are not there are empty (cu repeats its last entry). Heads have at most 256 channels.
#pragma once

#include "../../kernels/cuda/attention.h"
#include "device.h"

namespace lrdist::cuda {

template <class T>
void attention_forward(Device& device, const Attention<T>& a, int sequences, int longest, int replicas);

// Floats of AttentionBackward::sums for so many replicas and padded query rows; 0 if not needed.
int64_t attention_sums(int64_t replicas, int64_t padded, int heads, int head_dim, int longest);

template <class T>
void attention_backward(Device& device, const AttentionBackward<T>& a, int sequences, int longest, int replicas);

}  // namespace lrdist::cuda
