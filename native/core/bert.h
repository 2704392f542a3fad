// The BERT encoder (Devlin et al. 2019), forward and backward by hand over packed tokens. Shapes in names: T tokens (padded),
// N wanted tokens (padded), H hidden, I intermediate.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "../kernels/kernels.h"
#include "batch.h"
#include "gradients.h"
#include "layout.h"
#include "low_weights.h"
#include "matmul.h"

namespace lrdist {

// What one forward and backward of one replica needs to know.
struct Pass {
  const Layout& layout;
  const Product& product;
  const float* weights;  // of the replica
  uint64_t seed;
  int64_t step;
  bool dropout;
  LowCopy low = {};  // of the weights, in bf16

  const float* at(int32_t tensor) const { return weights + layout.tensors[static_cast<size_t>(tensor)].offset; }
  // A weight [n, k] as a factor of products; n may reach over the weights that follow it. The encoder's factors are bf16 in bf16.
  at::Tensor matrix(int32_t tensor, int64_t n, int64_t k) const { return view(at(tensor), n, k); }
  at::Tensor factor(int32_t tensor, int64_t n, int64_t k) const {
    return low ? view(low.data + layout.tensors[static_cast<size_t>(tensor)].offset - low.begin, n, k) : matrix(tensor, n, k);
  }
  kernels::Dropout dropout_at(double probability, uint32_t site) const {
    return kernels::make_dropout(dropout ? probability : 0, seed, step, site);
  }
};

// Which tensors learn; empty = all.
struct Learning {
  std::vector<uint8_t> tensor;
  bool operator()(int32_t t) const { return tensor.empty() || tensor[static_cast<size_t>(t)] != 0; }
  bool any(std::initializer_list<int32_t> ts) const {
    for (const int32_t t : ts)
      if ((*this)(t)) return true;
    return false;
  }
};

// Lowest place that learns: -1 the embeddings, l layer l, layers = nothing in the encoder.
int64_t lowest_learning(const Layout& layout, const Learning& learning);

// Activations kept for the backward pass of one layer; fp32, or bf16 where a product reads or made them (all but xhat and rstd). u_NI holds
// the derivative of GELU at its input.
struct LayerActivations {
  at::Tensor x_TH, x_NH;              // input; its wanted rows if only those are computed
  at::Tensor query, key, value;       // one joint tensor in `query` when fused; key may hold key and value
  at::Tensor context_NH, xhat1_NH, rstd1, h_NH, u_NI, g_NI, xhat2_NH, rstd2;
};

struct EncoderActivations {
  at::Tensor xhat_TH, rstd;  // of the embeddings' norm
  std::vector<LayerActivations> layers;
};

// Where a forward pass stands: before layer `layer` with its input [T, H], or at the end (`layer` = layers) with the output at the
// wanted tokens [N, H]. -1: nothing has run yet.
struct HiddenStates {
  int64_t layer = -1;
  at::Tensor x;
  at::Tensor low = {};  // x rounded to bf16 where it is at hand and wanted
};

struct EncoderOptions {
  // Layers below are run without keeping activations; -1 keeps the embeddings' too, `layers` none.
  int64_t keep_from;
  // If set, gets [layers + 1][rows][H]: the first token's state after the embeddings and after each layer; only of what is run.
  std::vector<float>* first_states = nullptr;
  HiddenStates start = {};
};

// Returns the last layer's output at the wanted tokens [N, H]; the last layer computes nothing else but keys and values.
at::Tensor encoder_forward(const Pass& pass, const Batch& batch, const EncoderOptions& options, EncoderActivations& kept);

// Runs on from `start` to `end`, keeping nothing.
HiddenStates encoder_prefix(const Pass& pass, const Batch& batch, const HiddenStates& start, int64_t end, std::vector<float>* first_states = nullptr);

// dy: gradient of that output; adds every learning tensor's gradient.
void encoder_backward(const Pass& pass, const Batch& batch, const EncoderActivations& kept, at::Tensor dy, const Learning& learning, Gradients& gradients);

}  // namespace lrdist
