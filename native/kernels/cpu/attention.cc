// Scaled dot-product attention over packed sequences of different lengths, with dropout on the probabilities.
// A task is one head of one sequence; it works in scratch memory that fits the core's cache. Backward computes the
// probabilities again instead of storing them.
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>

#include "../kernels.h"
#include "dropout.h"
#include "simd.h"

namespace lrdist::kernels {
namespace {

int64_t round16(int64_t n) { return (n + 15) / 16 * 16; }

// One tile of C[R, 16 * V] = A B with R rows in registers.
template <int R, int V>
void tile(const float* a, int64_t row_stride, int64_t depth_stride, const float* b, int64_t ld_b, float* c, int64_t ld_c, int64_t depth) {
  f32x16 acc[R][V] = {};
  for (int64_t p = 0; p < depth; ++p) {
    f32x16 row[V];
    for (int v = 0; v < V; ++v) row[v] = load16(b + p * ld_b + 16 * v);
    for (int r = 0; r < R; ++r) {
      const float s = a[r * row_stride + p * depth_stride];
      for (int v = 0; v < V; ++v) acc[r][v] += s * row[v];
    }
  }
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < V; ++v) store16(c + r * ld_c + 16 * v, acc[r][v]);
}

// C[m, n] = A[m, depth] B[depth, n]; n a multiple of 16, A with any strides, B and C row-major.
void multiply(int64_t m, int64_t n, int64_t depth, const float* a, int64_t row_stride, int64_t depth_stride, const float* b, int64_t ld_b, float* c, int64_t ld_c) {
  for (int64_t j = 0; j < n; j += 32) {
    const bool wide = n - j >= 32;
    int64_t i = 0;
    for (; i + 4 <= m; i += 4) {
      if (wide) tile<4, 2>(a + i * row_stride, row_stride, depth_stride, b + j, ld_b, c + i * ld_c + j, ld_c, depth);
      else tile<4, 1>(a + i * row_stride, row_stride, depth_stride, b + j, ld_b, c + i * ld_c + j, ld_c, depth);
    }
    for (; i < m; ++i) {
      if (wide) tile<1, 2>(a + i * row_stride, row_stride, depth_stride, b + j, ld_b, c + i * ld_c + j, ld_c, depth);
      else tile<1, 1>(a + i * row_stride, row_stride, depth_stride, b + j, ld_b, c + i * ld_c + j, ld_c, depth);
    }
  }
}

// Scratch of one task: nq queries and nk keys, widths rounded up to 16 and the extra columns zero.
struct Scratch {
  int64_t nq, nk, d, dp, kp;
  std::vector<float> q, k, v, kt, vt, p, keep;

  Scratch(int64_t queries, int64_t keys, int64_t head_dim) : nq(queries), nk(keys), d(head_dim), dp(round16(head_dim)), kp(round16(keys)) {
    q.assign(static_cast<size_t>(nq * dp), 0);
    k.assign(static_cast<size_t>(nk * dp), 0);
    v.assign(static_cast<size_t>(nk * dp), 0);
    kt.assign(static_cast<size_t>(d * kp), 0);
    p.resize(static_cast<size_t>(nq * kp));
    keep.resize(static_cast<size_t>(keep_room(kp)));
  }

  void load(const float* from, int64_t ld, const float* bias, float scale, int64_t count, std::vector<float>& to) const {
    for (int64_t i = 0; i < count; ++i)
      for (int64_t c = 0; c < d; ++c) to[i * dp + c] = (from[i * ld + c] + bias[c]) * scale;
  }

  void transpose(const std::vector<float>& from, std::vector<float>& to) const {
    for (int64_t i = 0; i < nk; ++i)
      for (int64_t c = 0; c < d; ++c) to[c * kp + i] = from[i * dp + c];
  }

  // p = softmax(q k^T) row by row
  void probabilities() {
    multiply(nq, kp, d, q.data(), dp, 1, kt.data(), kp, p.data(), kp);
    for (int64_t i = 0; i < nq; ++i) {
      float* row = p.data() + i * kp;
      float highest = row[0];
#pragma omp simd reduction(max : highest)
      for (int64_t j = 0; j < nk; ++j) highest = row[j] > highest ? row[j] : highest;
      float sum = 0;
#pragma omp simd reduction(+ : sum)
      for (int64_t j = 0; j < nk; ++j) {
        row[j] = exp_fast(row[j] - highest);
        sum += row[j];
      }
      const float inverse = 1.0f / sum;
#pragma omp simd
      for (int64_t j = 0; j < nk; ++j) row[j] *= inverse;
      for (int64_t j = nk; j < kp; ++j) row[j] = 0;
    }
  }
};

// Tasks run head by head so that each thread gets its share of long and short sequences.
template <class F>
void for_each_task(const Attention& a, const F& f) {
  at::parallel_for(0, a.sequences * a.heads, 1, [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; ++task) f(task % a.sequences, task / a.sequences);
  });
}

Scratch prepare(const Attention& a, int64_t b, int64_t h) {
  const int64_t q0 = a.cu_q[b], k0 = a.cu_k[b], d = a.head_dim;
  Scratch s(a.cu_q[b + 1] - q0, a.cu_k[b + 1] - k0, d);
  s.load(a.q + q0 * a.ld_q + h * d, a.ld_q, a.bias_q + h * d, 1.0f / std::sqrt(static_cast<float>(d)), s.nq, s.q);
  s.load(a.k + k0 * a.ld_kv + h * d, a.ld_kv, a.bias_k + h * d, 1.0f, s.nk, s.k);
  s.load(a.v + k0 * a.ld_kv + h * d, a.ld_kv, a.bias_v + h * d, 1.0f, s.nk, s.v);
  s.transpose(s.k, s.kt);
  s.probabilities();
  return s;
}

void keep_row(const Attention& a, int64_t h, int64_t row, Scratch& s) {
  fill_keep(a.dropout, static_cast<uint32_t>(h) << 16, a.query_rows.position[row], a.query_rows.slot[row], s.nk, s.keep.data());
}

}  // namespace

void attention_forward(const Attention& a, float* out) {
  const int64_t width = a.heads * a.head_dim;
  for_each_task(a, [&](int64_t b, int64_t h) {
    Scratch s = prepare(a, b, h);
    if (s.nq == 0) return;
    if (a.dropout.active()) {
      for (int64_t i = 0; i < s.nq; ++i) {
        keep_row(a, h, a.cu_q[b] + i, s);
        float* row = s.p.data() + i * s.kp;
#pragma omp simd
        for (int64_t j = 0; j < s.nk; ++j) row[j] *= s.keep[j];
      }
    }
    std::vector<float> o(static_cast<size_t>(s.nq * s.dp));
    multiply(s.nq, s.dp, s.nk, s.p.data(), s.kp, 1, s.v.data(), s.dp, o.data(), s.dp);
    for (int64_t i = 0; i < s.nq; ++i) std::copy_n(o.data() + i * s.dp, s.d, out + (a.cu_q[b] + i) * width + h * s.d);
  });
  std::fill(out + a.query_rows.count * width, out + a.query_rows.padded * width, 0.0f);
}

void attention_backward(const Attention& a, const float* dout, float* dq, float* dk, float* dv) {
  const int64_t width = a.heads * a.head_dim;
  for_each_task(a, [&](int64_t b, int64_t h) {
    const int64_t q0 = a.cu_q[b], k0 = a.cu_k[b], d = a.head_dim;
    Scratch s = prepare(a, b, h);
    std::vector<float> zeros(static_cast<size_t>(d), 0.0f);
    std::vector<float> g(static_cast<size_t>(s.nq * s.dp), 0.0f), vt(static_cast<size_t>(d * s.kp), 0.0f);
    s.load(dout + q0 * width + h * d, width, zeros.data(), 1.0f, s.nq, g);
    s.transpose(s.v, vt);
    std::vector<float> ds(static_cast<size_t>(s.nq * s.kp)), dropped;
    multiply(s.nq, s.kp, d, g.data(), s.dp, 1, vt.data(), s.kp, ds.data(), s.kp);
    if (a.dropout.active()) dropped.resize(ds.size());
    for (int64_t i = 0; i < s.nq; ++i) {
      float* row = ds.data() + i * s.kp;
      const float* p = s.p.data() + i * s.kp;
      if (a.dropout.active()) {
        keep_row(a, h, q0 + i, s);
        float* pd = dropped.data() + i * s.kp;
#pragma omp simd
        for (int64_t j = 0; j < s.nk; ++j) {
          pd[j] = p[j] * s.keep[j];
          row[j] *= s.keep[j];
        }
      }
      float dot = 0;
#pragma omp simd reduction(+ : dot)
      for (int64_t j = 0; j < s.nk; ++j) dot += row[j] * p[j];
#pragma omp simd
      for (int64_t j = 0; j < s.nk; ++j) row[j] = p[j] * (row[j] - dot);
    }
    const float* pd = a.dropout.active() ? dropped.data() : s.p.data();
    std::vector<float> r(static_cast<size_t>(std::max(s.nq, s.nk) * s.dp));
    const auto store = [&](int64_t count, int64_t row0, int64_t ld, float scale, float* to) {
      for (int64_t i = 0; i < count; ++i)
        for (int64_t c = 0; c < d; ++c) to[(row0 + i) * ld + h * d + c] = r[i * s.dp + c] * scale;
    };
    // q already carries 1/sqrt(d), so dk needs no factor and dq one.
    multiply(s.nq, s.dp, s.nk, ds.data(), s.kp, 1, s.k.data(), s.dp, r.data(), s.dp);
    store(s.nq, q0, a.ld_q, 1.0f / std::sqrt(static_cast<float>(d)), dq);
    multiply(s.nk, s.dp, s.nq, ds.data(), 1, s.kp, s.q.data(), s.dp, r.data(), s.dp);
    store(s.nk, k0, a.ld_kv, 1.0f, dk);
    multiply(s.nk, s.dp, s.nq, pd, 1, s.kp, g.data(), s.dp, r.data(), s.dp);
    store(s.nk, k0, a.ld_kv, 1.0f, dv);
  });
}

}  // namespace lrdist::kernels
