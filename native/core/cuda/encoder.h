// The BERT encoder over the packed tokens of a batch for all replicas at once: bert.h and layer.h on the device. T is the type of what products read
// and write, float or bfloat; the residual stream, norms and their gradients are fp32. Shapes in names as there, each with K in front.
#pragma once

#include <memory>
#include <vector>

#include "pass.h"

namespace lrdist::cuda {

// Hidden states in fp32 and as a factor of products (the same memory in fp32); `shared`: one for all replicas.
template <class T>
struct Hidden {
  float* x = nullptr;
  T* factor = nullptr;
  bool shared = false;
};

// Where a kernel writes the rounded copy: nowhere in fp32.
template <class T>
Each<bfloat> low_of(const Hidden<T>& y, int64_t stride) {
  if constexpr (std::is_same_v<T, float>) return {nullptr, 0};
  else return {y.factor, stride};
}

// A gradient of hidden states as a sum: what came along the residual stream, and out of a product (may be null).
template <class T>
struct HiddenGradient {
  float* residual = nullptr;
  T* product = nullptr;
};

// What the backward pass of one layer needs. u holds the derivative of GELU at its input.
template <class T>
struct LayerActivations {
  Hidden<T> x_TH, x_NH;               // input; its wanted rows if only those are computed
  T *query = nullptr, *key = nullptr, *value = nullptr;  // one joint [T, 3H], or query [N, H] beside key-value [T, 2H], or three
  T* context_NH = nullptr;
  float* log_sum = nullptr;  // attention's
  float *xhat1_NH = nullptr, *rstd1 = nullptr;
  T *h_NH = nullptr, *u_NI = nullptr, *g_NI = nullptr;
  float *xhat2_NH = nullptr, *rstd2 = nullptr;
};

template <class T>
struct EncoderActivations {
  float *xhat_TH = nullptr, *rstd = nullptr;  // of the embeddings' norm
  std::vector<LayerActivations<T>> layers;
};

// States behind the first `blocks` blocks, which are frozen and alike for all replicas, of every token of a dataset [tokens of the dataset][H], fp32: read if
// `filled`, else written.
struct StoredStates {
  float* data = nullptr;
  int64_t blocks = 0;
  bool filled = false;
};

struct EncoderOptions {
  int64_t keep_from;         // layers below keep no activations; -1 keeps the embeddings' too
  int64_t shared = 0;        // blocks (embeddings, then layers) that are the same for all replicas: computed once
  int64_t dropout_from = -1;   // no dropout in layers below; -1: in the embeddings too
  float* first_states = nullptr;  // if set, gets the first token's state after the embeddings and each layer: [layers + 1][K][rows of the bucket][H]
  StoredStates stored = {};    // not with first_states
};

// The last layer's output at the wanted tokens [K][N][H], fp32, in the pass's arena.
template <class T>
float* encoder_forward(const Pass& pass, const EncoderOptions& options, EncoderActivations<T>& kept);

// dy: gradient of that output; every learning tensor's gradient is written or added to. `stamp` [V]: of the words whose rows have a gradient (embeddings.h).
template <class T>
void encoder_backward(const Pass& pass, const EncoderActivations<T>& kept, float* dy, const Learning& learning, unsigned* stamp);

// --- one layer; `lanes` replicas are computed (1 if they are all the same)
template <class T>
void layer_forward(const Pass& pass, int64_t layer, const Hidden<T>& x_TH, const Hidden<T>& y, int64_t lanes, bool wanted, LayerActivations<T>* kept);
template <class T>
HiddenGradient<T> layer_backward(const Pass& pass, int64_t layer, bool wanted, const LayerActivations<T>& a, const HiddenGradient<T>& dy, bool below,
                                 const HiddenGradient<T>& to, const Learning& learning);

}  // namespace lrdist::cuda
