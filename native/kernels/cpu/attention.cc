// Scaled dot-product attention over packed sequences of different lengths, with dropout on the probabilities.
// A task is one head of one sequence; it works in scratch memory that fits the core's cache. Backward computes the
// probabilities again instead of storing them.
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <memory>

#include "../kernels.h"
#include "../scope.h"
#include "dropout.h"
#include "small_product.h"

namespace lrdist::kernels {
namespace {

// Query rows that pass through softmax and dropout together.
constexpr int64_t tile_rows = 32;

int64_t round16(int64_t n) { return (n + 15) / 16 * 16; }

// Memory that only grows.
class Buffer {
 public:
  float* room(int64_t n) {
    if (n > size_) {
      size_ = round16(n);
      data_.reset(static_cast<float*>(std::aligned_alloc(64, static_cast<size_t>(size_) * sizeof(float))));
      if (!data_) throw std::bad_alloc();
    }
    return data_.get();
  }

 private:
  struct Free {
    void operator()(float* p) const { std::free(p); }
  };
  std::unique_ptr<float, Free> data_;
  int64_t size_ = 0;
};

// A thread's scratch, kept between tasks.
struct Buffers {
  Buffer q, k, v, kt, vt, g, p, ds, dropped, keep;
};
thread_local Buffers buffers;

// Rows of one head in a matrix of all of them.
template <class T>
struct Head {
  const T* data;
  int64_t ld;
  const float* bias;  // may be null
};

// One head of one sequence: nq queries, nk keys; widths rounded up to 16.
template <class T>
struct Task {
  const Attention<T>& a;
  int64_t b, h, d, q0, k0, nq, nk, dp, kp;
  float scale;

  Task(const Attention<T>& attention, int64_t sequence, int64_t head)
      : a(attention),
        b(sequence),
        h(head),
        d(a.head_dim),
        q0(a.cu_q[b]),
        k0(a.cu_k[b]),
        nq(a.cu_q[b + 1] - q0),
        nk(a.cu_k[b + 1] - k0),
        dp(round16(d)),
        kp(round16(nk)),
        scale(1.0f / std::sqrt(static_cast<float>(d))) {}

  Head<T> q() const { return {a.q + q0 * a.ld_q + h * d, a.ld_q, a.bias_q + h * d}; }
  Head<T> k() const { return {a.k + k0 * a.ld_kv + h * d, a.ld_kv, a.bias_k + h * d}; }
  Head<T> v() const { return {a.v + k0 * a.ld_kv + h * d, a.ld_kv, a.bias_v + h * d}; }

  // to [count, dp] = (from + bias) * factor
  float* load(const Head<T>& from, int64_t count, float factor, Buffer& buffer) const {
    float* to = buffer.room(count * dp);
    for_lanes(d, [&](auto at) {
      const f32x16 bias = from.bias ? at.load(from.bias) : f32x16{};
      for (int64_t i = 0; i < count; ++i) store16(to + i * dp + at.i, (at.load(from.data + i * from.ld) + bias) * factor);
    });
    return to;
  }

  // to [d, kp] = (from + bias) turned, columns beyond nk zero
  float* load_turned(const Head<T>& from, Buffer& buffer) const {
    float* to = buffer.room(dp * kp);
    for_lanes(d, [&](auto at) {
      const f32x16 bias = at.load(from.bias);
      for (int64_t j = 0; j < nk; j += 16) {
        f32x16 block[16] = {};
        const int64_t rows = std::min<int64_t>(16, nk - j);
        for (int64_t i = 0; i < rows; ++i) block[i] = at.load(from.data + (j + i) * from.ld) + bias;
        transpose16(block);
        for (int i = 0; i < 16; ++i) store16(to + (at.i + i) * kp + j, block[i]);
      }
    });
    return to;
  }

  // p = softmax(p) row by row; columns beyond nk become 0
  void softmax(float* p, int64_t rows) const {
    const i32x16 lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    const auto real = lane < static_cast<int32_t>(nk - (kp - 16));
    for (int64_t i = 0; i < rows; ++i) {
      float* row = p + i * kp;
      f32x16 top = real ? load16(row + kp - 16) : splat(-3e38f);
      store16(row + kp - 16, top);
      for (int64_t j = 0; j < kp - 16; j += 16) top = larger(load16(row + j), top);
      top = fold(top, larger);
      f32x16 sum = {};
      for (int64_t j = 0; j < kp; j += 16) {
        const f32x16 e = exp_fast(load16(row + j) - top);
        store16(row + j, e);
        sum += e;
      }
      const f32x16 inverse = 1.0f / sum_in_lanes(sum);
      for (int64_t j = 0; j < kp; j += 16) store16(row + j, load16(row + j) * inverse);
    }
  }

  int64_t groups() const { return (nk + 7) / 8; }

  // Keep factors of queries first..first + rows, each row 8 * groups() long.
  const float* keep(int64_t first, int64_t rows) const {
    float* to = buffers.keep.room(keep_room(rows * 8 * groups()) + 16);
    fill_keep_rows(a.dropout, static_cast<uint32_t>(h) << 16, a.query_rows.position + q0 + first, a.query_rows.slot + q0 + first, rows, groups(), to);
    std::fill_n(to + rows * 8 * groups(), 8, 0.0f);  // the last row is read up to kp: 0 times what lies there must not be NaN
    return to;
  }
};

// Tasks run head by head so that each thread gets its share of long and short sequences.
template <class T, class F>
void for_each_task(const Attention<T>& a, const F& f) {
  at::parallel_for(0, a.sequences * a.heads, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) f(Task<T>(a, i % a.sequences, i / a.sequences));
  });
}

// Calls f(first row, rows) for the tiles of a task.
template <class F>
void for_tiles(int64_t count, const F& f) {
  for (int64_t i = 0; i < count; i += tile_rows) f(i, std::min(tile_rows, count - i));
}

// ds becomes the gradient of the scores, dropped the probabilities after dropout (keep null: none).
void softmax_backward(const float* p, const float* keep, int64_t keep_ld, int64_t rows, int64_t kp, float* ds, float* dropped) {
  for (int64_t i = 0; i < rows; ++i) {
    const float* probability = p + i * kp;
    float* row = ds + i * kp;
    f32x16 sum = {};
    for (int64_t j = 0; j < kp; j += 16) {
      f32x16 d = load16(row + j);
      const f32x16 weight = load16(probability + j);
      if (keep) {
        const f32x16 factor = load16(keep + i * keep_ld + j);
        d *= factor;
        store16(row + j, d);
        store16(dropped + i * kp + j, weight * factor);
      }
      sum += d * weight;
    }
    const f32x16 dot = sum_in_lanes(sum);
    for (int64_t j = 0; j < kp; j += 16) store16(row + j, load16(probability + j) * (load16(row + j) - dot));
  }
}

// Products of that many operations for each pair of query and key and each channel; matrices of queries and of keys that are read or written.
template <class T>
Work work_of(const Attention<T>& a, double operations, double of_queries, double of_keys) {
  const auto width = static_cast<double>(a.heads * a.head_dim);
  const double queries = a.cu_q[a.sequences], keys = a.cu_k[a.sequences];
  double pairs = 0;
  for (int64_t b = 0; b < a.sequences; ++b) pairs += static_cast<double>(a.cu_q[b + 1] - a.cu_q[b]) * (a.cu_k[b + 1] - a.cu_k[b]);
  return {pairs * width * operations, (queries * of_queries + keys * of_keys) * width * sizeof(T), a.cu_q[a.sequences], a.heads * a.head_dim};
}

}  // namespace

template <class T>
void attention_forward(const Attention<T>& a, T* out) {
  const Scope scope("attention forward", work_of(a, 4, 2, 2));
  const int64_t width = a.heads * a.head_dim;
  for_each_task(a, [&](const Task<T>& t) {
    if (t.nq == 0) return;
    const float* q = t.load(t.q(), t.nq, t.scale, buffers.q);
    const float* kt = t.load_turned(t.k(), buffers.kt);
    const float* v = t.load(t.v(), t.nk, 1, buffers.v);
    float* p = buffers.p.room(tile_rows * t.kp);
    for_tiles(t.nq, [&](int64_t first, int64_t rows) {
      multiply(rows, t.d, Left{q + first * t.dp, t.dp, 1}, kt, t.kp, Product<float>{p, t.kp, t.kp});
      t.softmax(p, rows);
      if (a.dropout.active()) {
        const float* keep = t.keep(first, rows);
        for (int64_t i = 0; i < rows; ++i)
          for (int64_t j = 0; j < t.kp; j += 16) store16(p + i * t.kp + j, load16(p + i * t.kp + j) * load16(keep + i * 8 * t.groups() + j));
      }
      multiply(rows, t.nk, Left{p, t.kp, 1}, v, t.dp, Product<T>{out + (t.q0 + first) * width + t.h * t.d, width, t.d});
    });
  });
  std::fill(out + a.query_rows.count * width, out + a.query_rows.padded * width, T{});
}

template <class T>
void attention_backward(const Attention<T>& a, const T* dout, T* dq, T* dk, T* dv) {
  const Scope scope("attention backward", work_of(a, 10, 3, 4));
  const int64_t width = a.heads * a.head_dim;
  for_each_task(a, [&](const Task<T>& t) {
    const int64_t d = t.d, dp = t.dp, kp = t.kp, head = t.h * t.d;
    const float* q = t.load(t.q(), t.nq, t.scale, buffers.q);
    const float* k = t.load(t.k(), t.nk, 1, buffers.k);
    const float* kt = t.load_turned(t.k(), buffers.kt);
    const float* vt = t.load_turned(t.v(), buffers.vt);
    const float* g = t.load({dout + t.q0 * width + head, width, nullptr}, t.nq, 1, buffers.g);
    float* p = buffers.p.room(t.nq * kp);
    float* ds = buffers.ds.room(t.nq * kp);
    float* dropped = a.dropout.active() ? buffers.dropped.room(t.nq * kp) : p;
    for_tiles(t.nq, [&](int64_t first, int64_t rows) {
      multiply(rows, d, Left{q + first * dp, dp, 1}, kt, kp, Product<float>{p + first * kp, kp, kp});
      t.softmax(p + first * kp, rows);
      multiply(rows, d, Left{g + first * dp, dp, 1}, vt, kp, Product<float>{ds + first * kp, kp, kp});
      const float* keep = a.dropout.active() ? t.keep(first, rows) : nullptr;
      softmax_backward(p + first * kp, keep, 8 * t.groups(), rows, kp, ds + first * kp, dropped + first * kp);
    });
    // Without queries (nothing wanted of this sequence) the gradients of keys and values are sums of nothing, 0.
    // q already carries 1/sqrt(d), so dk needs no factor and dq one.
    multiply(t.nq, t.nk, Left{ds, kp, 1}, k, dp, Product<T>{dq + t.q0 * a.ld_q + head, a.ld_q, d, t.scale});
    multiply(t.nk, t.nq, Left{ds, 1, kp}, q, dp, Product<T>{dk + t.k0 * a.ld_kv + head, a.ld_kv, d});
    multiply(t.nk, t.nq, Left{dropped, 1, kp}, g, dp, Product<T>{dv + t.k0 * a.ld_kv + head, a.ld_kv, d});
  });
}

#define INSTANTIATE(T)                                                 \
  template void attention_forward(const Attention<T>&, T*);            \
  template void attention_backward(const Attention<T>&, const T*, T*, T*, T*);
INSTANTIATE(float)
INSTANTIATE(bf16)

}  // namespace lrdist::kernels
