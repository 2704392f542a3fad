// The fused loops that core calls; row-major, plain pointers. All arithmetic is in fp32; what a matrix product reads or writes is of type T,
// float or bf16. Every function splits its work the same way for a given thread count and adds in a fixed order, so results
// repeat bit for bit. Matrices have `padded` rows of which the first `count` are real; rows beyond are written as zeros where a
// matrix product reads them.
#pragma once

#include <cstdint>
#include <vector>

#include "bf16.h"
#include "philox.h"

namespace lrdist::kernels {

// Which token each row of a matrix is, for dropout.
struct Rows {
  int64_t count = 0, padded = 0;
  const int32_t* position = nullptr;  // in its sequence
  const int32_t* slot = nullptr;      // of its sequence in the optimizer step
};

// Where sums over the rows go: to[width] (+)= sum. Nothing is summed without `to`.
struct ColumnTarget {
  float* to = nullptr;
  bool accumulate = false;
};

// --- embeddings
struct EmbeddingWeights {
  const float *word, *position, *type, *gamma, *beta;
};
// y = dropout(norm(word[id] + position[pos] + type[t])); y_low = y rounded; y_low, xhat and rstd may be null.
void embed(const int32_t* ids, const int32_t* types, const Rows& rows, int64_t width, const EmbeddingWeights& w, float eps, const Dropout& dropout,
           float* y, bf16* y_low, float* xhat, float* rstd);
// Adds rows of d into table[index[row]]; duplicates are added in row order.
template <class T>
void scatter_add(const T* d, const int32_t* index, int64_t count, int64_t width, float* table);

// --- norm
// y = norm(dropout(x + bias) + residual); y_low = y rounded; y_low, xhat and rstd may be null.
template <class T>
void bias_dropout_residual_norm(const T* x, const float* bias, const float* residual, const float* gamma, const float* beta, float eps,
                                const Dropout& dropout, const Rows& rows, int64_t width, float* y, bf16* y_low, float* xhat, float* rstd);
// Plain norm, in place allowed; y_low, xhat and rstd may be null.
void norm(const float* x, const float* gamma, const float* beta, float eps, int64_t count, int64_t padded, int64_t width, float* y, bf16* y_low, float* xhat,
          float* rstd);
// The gradient of the norm's output is dy + dy2 (dy2 may be null). dx = gradient of its input, may equal dy; branch = dx through dropout
// (may be null; may equal dx when T is float and dropout is off). The sums of the norm's parameters and of the branch, which is the
// gradient of the bias that was added before dropout, are taken in the same pass.
template <class T>
void norm_backward(const float* dy, const T* dy2, const float* xhat, const float* rstd, const float* gamma, const Dropout& dropout, const Rows& rows,
                   int64_t width, float* dx, T* branch, ColumnTarget dgamma = {}, ColumnTarget dbeta = {}, ColumnTarget dbranch = {});

// --- pointwise
// out (+)= column sums of d [count, width]
template <class T>
void column_sums(const T* d, int64_t count, int64_t width, float* out, bool accumulate);
void dropout_rows(float* x, const Dropout& dropout, const Rows& rows, int64_t width);
// g = gelu(u + bias), erf form; u becomes the derivative there, unless g is u.
template <class T>
void bias_gelu(T* u, const float* bias, const Rows& rows, int64_t width, T* g);
// dg *= derivative; its column sums are the gradient of the bias.
template <class T>
void gelu_backward(T* dg, const T* derivative, int64_t count, int64_t width, ColumnTarget sums = {});
void add_bias(float* x, const float* bias, int64_t count, int64_t width);
// x = tanh(x + bias)
void bias_tanh(float* x, const float* bias, int64_t count, int64_t width);
template <class T>
void add(float* out, const T* x, int64_t n);
void copy(float* out, const float* x, int64_t n);
void convert(const float* from, bf16* to, int64_t n);
void convert(const bf16* from, float* to, int64_t n);
template <class T>
void gather_rows(const T* x, const int32_t* index, int64_t count, int64_t padded, int64_t width, T* out);

// --- linear layers with a small weight [n, k], both sides a multiple of 32; m rows
// Whether these are compiled for a processor on which they are fast.
bool has_linear();
// y = x w^T
template <class T>
void linear_forward(const T* x, const T* w, int64_t m, int64_t n, int64_t k, T* y);
// dx = dy w
template <class T>
void linear_input(const T* dy, const T* w, int64_t m, int64_t n, int64_t k, T* dx);
// dw (+)= dy^T x, rows of dy ld_dy apart
template <class T>
void linear_weight(const T* dy, int64_t ld_dy, const T* x, int64_t m, int64_t n, int64_t k, float* dw, bool accumulate);

// --- attention, variable length: query i of sequence b attends to keys cu_k[b]..cu_k[b+1]
template <class T>
struct Attention {
  int64_t sequences, heads, head_dim;
  const int32_t* cu_q;
  const int32_t* cu_k;
  const T *q, *k, *v;  // first element of head 0; leading dimensions below
  int64_t ld_q, ld_kv;
  const float *bias_q, *bias_k, *bias_v;
  Rows query_rows;
  Dropout dropout;
};
// out [queries, heads * head_dim]
template <class T>
void attention_forward(const Attention<T>& a, T* out);
// dq, dk, dv have the leading dimensions of q and of k, v
template <class T>
void attention_backward(const Attention<T>& a, const T* dout, T* dq, T* dk, T* dv);

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
// Where the new weights are written in bf16 too: element i of the arena to data[i - begin]; those before `begin` are not.
struct LowTarget {
  bf16* data = nullptr;
  int64_t begin = 0;
};
void adam(float* w, float* m, float* v, const float* g, const float* anchor, const std::vector<AdamChunk>& chunks, const AdamSettings& settings,
          const LowTarget& low = {});
// A row without a gradient that makes several steps at once. Without moments it only decays: they are zero.
struct LateChunk {
  int64_t begin, end;  // in the arena
  const AdamChunk* steps;
  int64_t count;
  bool moments;
};
void adam_late(float* w, float* m, float* v, const std::vector<LateChunk>& chunks, const AdamSettings& settings);
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
