// Products of tiles on tensor cores, of numbers rounded to 10 bits of fraction (tf32), summed in fp32. A warp has squares of 16 by 16.
#pragma once

#include "attention_tile.cuh"

namespace lrdist::cuda::attention {

// Nearest, ties away from zero; infinities and NaN stay.
DEVICE float to_tf32(float x) {
#ifdef __CUDACC__
  unsigned bits;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(x));
  return __uint_as_float(bits);
#else
  const unsigned bits = __float_as_uint(x);
  return (bits & 0x7F800000u) == 0x7F800000u ? x : __uint_as_float((bits + 0x1000u) & ~0x1FFFu);
#endif
}

// c += a b for a 16 x 8 by 8 x 8 product of a warp. Lane 4 g + t has of a the rows g, g + 8 (twice) at columns t and t + 4, of b rows t and t + 4 at
// column g, of c the rows g and g + 8 at columns 2 t and 2 t + 1.
DEVICE void multiply_add(float (&c)[4], const float (&a)[4], const float (&b)[2]) {
#ifdef __CUDACC__
  // volatile: all lanes take part, so it must not be moved to where only some use the result.
  asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(__float_as_uint(a[0])), "r"(__float_as_uint(a[1])), "r"(__float_as_uint(a[2])), "r"(__float_as_uint(a[3])), "r"(__float_as_uint(b[0])),
        "r"(__float_as_uint(b[1])));
#else
  static thread_local float given[32][6];
  const int lane = lane_index();
  for (int i = 0; i < 4; ++i) given[lane][i] = a[i];
  for (int i = 0; i < 2; ++i) given[lane][4 + i] = b[i];
  __syncwarp();
  for (int i = 0; i < 4; ++i) {
    const int row = lane / 4 + i / 2 * 8, column = lane % 4 * 2 + i % 2;
    for (int k = 0; k < 8; ++k) c[i] += given[row % 8 * 4 + k % 4][row / 8 + k / 4 * 2] * given[column * 4 + k % 4][4 + k / 4];
  }
  __syncwarp();
#endif
}

struct Tensor {
  static constexpr int pad = 16, warp = 32;  // threads that work on a share together
  DEVICE static float rounded(float x) { return to_tf32(x); }

  // c += a b for a 16 x n by n x 16 product; element (row, k) of a lies at a[row * a_row + k * a_k], element (k, column) of b at
  // b[column * b_column + k * b_k].
  DEVICE static void square(float (&c)[2][4], const float* a, int a_row, int a_k, const float* b, int b_column, int b_k, int n) {
    const int g = lane_index() / 4, t = lane_index() % 4;
    a += g * a_row + t * a_k;
    b += g * b_column + t * b_k;
    for (int k = 0; k < n; k += 8) {
      const float left[4] = {a[k * a_k], a[k * a_k + 8 * a_row], a[(k + 4) * a_k], a[(k + 4) * a_k + 8 * a_row]};
      UNROLL for (int half = 0; half < 2; ++half) {
        const float right[2] = {b[k * b_k + 8 * half * b_column], b[(k + 4) * b_k + 8 * half * b_column]};
        multiply_add(c[half], left, right);
      }
    }
  }

  // A part of a result [rows][channels].
  struct Share {
    static constexpr int size = 256, wide = 2;
    int row, rows, column;
    float c[2][4] = {};

    DEVICE void place(int index, int of_rows, int channels, bool) {
      rows = of_rows;
      const int across = parts(channels, 16);
      row = index / across * 16;
      column = index % across * 16;
    }
    DEVICE static int count(int rows, int channels) { return parts(rows, 16) * parts(channels, 16); }

    // += a b over n columns of a, rows of b
    DEVICE void add_rows(const float* a, int ld_a, const float* b, int ld_b, int n) {
      if (row < rows) square(c, a + row * ld_a, ld_a, 1, b + column, 1, ld_b, n);
    }
    // += a^T b over n rows
    DEVICE void add_columns(const float* a, int ld_a, const float* b, int ld_b, int n) {
      if (row < rows) square(c, a + row, 1, ld_a, b + column, 1, ld_b, n);
    }
    // Calls f(row, channel, values that lie side by side).
    template <class F>
    DEVICE void each(const F& f) {
      UNROLL for (int i = 0; i < 4; ++i) {
        const int at = row + lane_index() / 4 + i / 2 * 8;
        float pair[2] = {c[i % 2][i / 2 * 2], c[i % 2][i / 2 * 2 + 1]};
        if (at < rows) f(at, column + i % 2 * 8 + lane_index() % 4 * 2, pair);
        c[i % 2][i / 2 * 2] = pair[0];
        c[i % 2][i / 2 * 2 + 1] = pair[1];
      }
    }
  };

  // s = a b^T
  DEVICE static void dots(const float* a, int rows_a, const float* b, int rows_b, int ld, int channels, float* s, int ld_s, int worker, int workers) {
    const int across = parts(rows_b, 16), count = parts(rows_a, 16) * across;
    for (int t = worker; t < count; t += workers) {
      const int row = t / across * 16, column = t % across * 16;
      float c[2][4] = {};
      square(c, a + row * ld, ld, 1, b + column * ld, ld, 1, channels);
      float* const to = s + (row + lane_index() / 4) * ld_s + column + lane_index() % 4 * 2;
      UNROLL for (int half = 0; half < 2; ++half) {
        store(to + 8 * half, {c[half][0], c[half][1]});
        store(to + 8 * half + 8 * ld_s, {c[half][2], c[half][3]});
      }
    }
  }
};

}  // namespace lrdist::cuda::attention
