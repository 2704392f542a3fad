// The fused loops that core calls; all fp32, row-major, plain pointers. Every function splits its work the same way for a given
// thread count and adds in a fixed order, so results repeat bit for bit. Matrices have `padded` rows of which the first
// `count` are real; rows beyond are written as zeros where a matrix product reads them.
#pragma once

#include <cstdint>
#include <vector>

#include "philox.h"

namespace lrdist::kernels {

// Which token each row of a matrix is, for dropout.
struct Rows {
  int64_t count = 0, padded = 0;
  const int32_t* position = nullptr;  // in its sequence
  const int32_t* slot = nullptr;      // of its sequence in the optimizer step
};

// --- embeddings
struct EmbeddingWeights {
  const float *word, *position, *type, *gamma, *beta;
};
// y = dropout(norm(word[id] + position[pos] + type[t])); xhat and rstd may be null.
void embed(const int32_t* ids, const int32_t* types, const Rows& rows, int64_t width, const EmbeddingWeights& w, float eps, const Dropout& dropout,
           float* y, float* xhat, float* rstd);
// Adds rows of d into table[index[row]]; duplicates are added in row order.
void scatter_add(const float* d, const int32_t* index, int64_t count, int64_t width, float* table);

// --- norm
// y = norm(dropout(x + bias) + residual)
void bias_dropout_residual_norm(const float* x, const float* bias, const float* residual, const float* gamma, const float* beta, float eps,
                                const Dropout& dropout, const Rows& rows, int64_t width, float* y, float* xhat, float* rstd);
// Plain norm, in place allowed.
void norm(const float* x, const float* gamma, const float* beta, float eps, int64_t count, int64_t padded, int64_t width, float* y, float* xhat, float* rstd);
// dy += dy2 (if given); dx = gradient of the norm's input; branch = dx through dropout (if given; may equal dx when dropout is off).
void norm_backward(float* dy, const float* dy2, const float* xhat, const float* rstd, const float* gamma, const Dropout& dropout, const Rows& rows,
                   int64_t width, float* dx, float* branch);
// dgamma (+)= sum dy * xhat, dbeta (+)= sum dy
void norm_parameter_gradients(const float* dy, const float* xhat, int64_t count, int64_t width, float* dgamma, float* dbeta, bool accumulate);

// --- pointwise
// out (+)= column sums of d [count, width]
void column_sums(const float* d, int64_t count, int64_t width, float* out, bool accumulate);
void dropout_rows(float* x, const Dropout& dropout, const Rows& rows, int64_t width);
// u += bias; g = gelu(u), erf form. g may equal u.
void bias_gelu(float* u, const float* bias, const Rows& rows, int64_t width, float* g);
// dg *= gelu'(u)
void gelu_backward(float* dg, const float* u, int64_t count, int64_t width);
void add_bias(float* x, const float* bias, int64_t count, int64_t width);
void add(float* out, const float* x, int64_t n);
void copy(float* out, const float* x, int64_t n);
void gather_rows(const float* x, const int32_t* index, int64_t count, int64_t padded, int64_t width, float* out);

// --- attention, variable length: query i of sequence b attends to keys cu_k[b]..cu_k[b+1]
struct Attention {
  int64_t sequences, heads, head_dim;
  const int32_t* cu_q;
  const int32_t* cu_k;
  const float *q, *k, *v;  // first element of head 0; leading dimensions below
  int64_t ld_q, ld_kv;
  const float *bias_q, *bias_k, *bias_v;
  Rows query_rows;
  Dropout dropout;
};
// out [queries, heads * head_dim]
void attention_forward(const Attention& a, float* out);
// dq, dk, dv have the leading dimensions of q and of k, v
void attention_backward(const Attention& a, const float* dout, float* dq, float* dk, float* dv);

// --- loss
// logits [count, width] becomes its gradient times scale (unless the loss only is asked for: gradient = false). losses [count].
void cross_entropy(float* logits, const int32_t* targets, int64_t count, int64_t width, double smoothing, float scale, bool gradient, float* losses);
// One draw from softmax(logits) for each row, u in [0, 1).
void sample_classes(const float* logits, const float* u, int64_t count, int64_t width, int32_t* out);

// A part of the arena.
struct Range {
  int64_t begin, end;
};

// --- optimizer
struct AdamChunk {
  int64_t begin, end;  // in the arena
  float lr, step_size, bias2_sqrt, decay;
  float pull = 0;  // RecAdam: after the update w -= pull * (w - anchor)
};
struct AdamSettings {
  float beta2, eps, clip;
  float new1, new2;  // 1 - beta1 and 1 - beta2, taken in double: in fp32 0.999 leaves an error of 1e-5
  bool decoupled;
};
void adam(float* w, float* m, float* v, const float* g, const float* anchor, const std::vector<AdamChunk>& chunks, const AdamSettings& settings);
// Decoupled decay of a range that has no moments, w *= keep, and RecAdam's pull after it, if there is an anchor.
void decay(float* w, int64_t n, float keep, const float* anchor, float pull);
// sum += scale * g^2
void add_squares(float* sum, const float* g, int64_t n, float scale);

// --- penalties and transforms
struct PullChunk {
  Range range;
  float strength;                 // 0: none
  const float *anchor, *fisher;   // arenas; anchor null: 0, fisher null: 1
};
// g += strength * fisher * (w - anchor). Returns the sum of squares of g after it, in the same pass and in a fixed order.
double pull_gradient(float* g, const float* w, const std::vector<PullChunk>& chunks);
// Mixout of a weight [rows, columns]: a column (an input neuron) is the anchor's with the draw's probability p, else
// anchor + (w - anchor) / (1 - p).
void mix(float* out, const float* w, const float* anchor, int64_t rows, int64_t columns, const Dropout& draw, uint32_t tensor);
// The same draw on the gradient: column by column times 0 or 1 / (1 - p).
void keep_columns(float* g, int64_t rows, int64_t columns, const Dropout& draw, uint32_t tensor);
// Element by element times 0 or 1 / (1 - p).
void keep_elements(float* g, int64_t n, const Dropout& draw, uint32_t tensor);
// g = 0 where fisher < threshold
void keep_above(float* g, const float* fisher, float threshold, int64_t n);
// sums of a^2, a b, b^2, (a - b)^2
void moments_of_pair(const float* a, const float* b, int64_t n, double out[4]);
// sum += scale * g
void add_scaled(float* sum, const float* g, int64_t n, float scale);

}  // namespace lrdist::kernels
