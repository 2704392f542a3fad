// Scaled dot-product attention over packed sequences of different lengths, with dropout on the probabilities.
// A task is one head of one sequence; it works in scratch memory that fits the core's cache. Backward computes the
// probabilities again instead of storing them.
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>

#include "../kernels.h"
#include "../scope.h"
#include "buffer.h"
#include "dropout.h"
#include "small_product.h"

namespace lrdist::kernels {
namespace {

// Query rows that pass through softmax and dropout together.
constexpr int64_t tile_rows = keep_rows;

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

  // Asks for the rows of the next head, which lie too far apart for the processor to guess them.
  template <class U>
  static void prefetch(const U* first, int64_t ld, int64_t count, int64_t d) {
    constexpr int64_t line = 64 / sizeof(U);
    for (int64_t i = 0; i < count; ++i)
      for (int64_t c = d; c < 2 * d; c += line) __builtin_prefetch(first + i * ld + c);
  }
  void prefetch_next() const {
    if (h + 1 == a.heads) return;
    prefetch(q().data, a.ld_q, nq, d);
    prefetch(k().data, a.ld_kv, nk, d);
    prefetch(v().data, a.ld_kv, nk, d);
  }

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
        f32x16 block[16];
        const T* row = from.data + j * from.ld;
#pragma GCC unroll 16
        for (int i = 0; i < 16; ++i) {
          block[i] = j + i < nk ? at.load(row) + bias : f32x16{};
          row += from.ld;
        }
        transpose16(block);
#pragma GCC unroll 16
        for (int i = 0; i < 16; ++i) store16(to + (at.i + i) * kp + j, block[i]);
      }
    });
    return to;
  }

  // Row by row p becomes e^(p - its highest), columns beyond nk 0, and inverse 1 / (its sum); after that keep factors (may be null) apply.
  // The loops are apart so that the processor can work on several rows at once.
  void exponentials(float* p, const float* keep, int64_t rows, float* inverse) const {
    const i32x16 lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    const auto real = lane < static_cast<int32_t>(nk - (kp - 16));
    f32x16 highest[tile_rows], sums[tile_rows];
    for (int64_t i = 0; i < rows; ++i) {
      float* row = p + i * kp;
      f32x16 top = real ? load16(row + kp - 16) : splat(-3e38f);
      store16(row + kp - 16, top);
      for (int64_t j = 0; j < kp - 16; j += 16) top = larger(load16(row + j), top);
      highest[i] = fold(top, larger);
    }
    for (int64_t i = 0; i < rows; ++i) {
      float* row = p + i * kp;
      f32x16 sum = {};
      for (int64_t j = 0; j < kp; j += 16) {
        const f32x16 e = exp_fast<T>(load16(row + j) - highest[i]);
        sum += e;
        store16(row + j, keep ? e * load16(keep + i * keep_ld() + j) : e);
      }
      sums[i] = sum;
    }
    for (int64_t i = 0; i < rows; ++i) inverse[i] = 1.0f / sum_of(sums[i]);
  }

  // p becomes the probabilities, dropped those after dropout (keep null: none, they are the same), ds the gradient of the scores.
  void softmax_backward(float* p, const float* inverse, const float* keep, int64_t rows, float* ds, float* dropped) const {
    f32x16 sums[tile_rows];
    for (int64_t i = 0; i < rows; ++i) {
      f32x16 sum = {};
      for (int64_t j = i * kp; j < (i + 1) * kp; j += 16) {
        const f32x16 probability = load16(p + j) * inverse[i];
        f32x16 d = load16(ds + j);
        store16(p + j, probability);
        if (keep) {
          const f32x16 factor = load16(keep + i * keep_ld() + j - i * kp);
          d *= factor;
          store16(dropped + j, probability * factor);
          store16(ds + j, d);
        }
        sum += d * probability;
      }
      sums[i] = sum;
    }
    for (int64_t i = 0; i < rows; ++i) {
      const f32x16 dot = sum_in_lanes(sums[i]);
      for (int64_t j = i * kp; j < (i + 1) * kp; j += 16) store16(ds + j, load16(p + j) * (load16(ds + j) - dot));
    }
  }

  int64_t keep_ld() const { return (nk + 7) / 8 * 8; }

  // Keep factors of queries first..first + rows, each row keep_ld() long; null without dropout.
  const float* keep(int64_t first, int64_t rows) const {
    if (!a.dropout.active()) return nullptr;
    const int64_t query = q0 + first;
    float* to = buffers.keep.room(keep_room(rows * keep_ld()) + 16);
    fill_keep_rows(a.dropout, static_cast<uint32_t>(h) << 16, a.query_rows.position + query, a.query_rows.slot[query], rows, keep_ld() / 8, to);
    std::fill_n(to + rows * keep_ld(), 8, 0.0f);  // the last row is read up to kp: 0 times what lies there must not be NaN
    return to;
  }
};

// Calls f(task) for all tasks, the heads of a sequence one after the other because they share memory pages; threads get equal shares of the work.
template <class T, class F>
void for_each_task(const Attention<T>& a, const F& f) {
  const auto cost = [&](int64_t b) {
    const int64_t nq = a.cu_q[b + 1] - a.cu_q[b], nk = a.cu_k[b + 1] - a.cu_k[b];
    return nq * nk + 32 * (nq + nk);
  };
  int64_t total = 1;
  for (int64_t b = 0; b < a.sequences; ++b) total += cost(b) * a.heads;
  const int64_t threads = at::get_num_threads();
  at::parallel_for(0, threads, 1, [&](int64_t begin, int64_t end) {
    int64_t before = 0;
    for (int64_t b = 0; b < a.sequences; ++b)
      for (int64_t h = 0; h < a.heads; ++h) {
        const int64_t thread = before * threads / total;
        before += cost(b);
        if (thread < begin || thread >= end) continue;
        f(Task<T>(a, b, h));
      }
  });
}

// Calls f(first row, rows) for the tiles of a task.
template <class F>
void for_tiles(int64_t count, const F& f) {
  for (int64_t i = 0; i < count; i += tile_rows) f(i, std::min(tile_rows, count - i));
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
    t.prefetch_next();
    const float* q = t.load(t.q(), t.nq, t.scale, buffers.q);
    const float* kt = t.load_turned(t.k(), buffers.kt);
    const float* v = t.load(t.v(), t.nk, 1, buffers.v);
    float* p = buffers.p.room(tile_rows * t.kp);
    for_tiles(t.nq, [&](int64_t first, int64_t rows) {
      multiply(rows, t.d, Left{q + first * t.dp, t.dp, 1}, kt, t.kp, Product<float>{p, t.kp, t.kp});
      float inverse[tile_rows];
      t.exponentials(p, t.keep(first, rows), rows, inverse);
      multiply(rows, t.nk, Left{p, t.kp, 1}, v, t.dp, Product<T>{out + (t.q0 + first) * width + t.h * t.d, width, t.d, 1, inverse});
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
    t.prefetch_next();
    if (t.h + 1 < a.heads) t.prefetch(dout + t.q0 * width + head, width, t.nq, d);
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
      multiply(rows, d, Left{g + first * dp, dp, 1}, vt, kp, Product<float>{ds + first * kp, kp, kp});
      float inverse[tile_rows];
      t.exponentials(p + first * kp, nullptr, rows, inverse);
      t.softmax_backward(p + first * kp, inverse, t.keep(first, rows), rows, ds + first * kp, dropped + first * kp);
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
