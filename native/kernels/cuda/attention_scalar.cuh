// Products of tiles in fp32. A thread has squares of the result: four rows by four channels that lie side by side.
#pragma once

#include "attention_tile.cuh"

namespace lrdist::cuda::attention {

// c[i][j] = row i of a times row j of b; rows of a thread lie `step` apart.
template <int m, int n>
DEVICE void dot_rows(const float* a, int step_a, const float* b, int step_b, int channels, float (&c)[m][n]) {
  for (int x = 0; x < channels; x += 4) {
    float4 left[m], right[n];
    UNROLL for (int i = 0; i < m; ++i) left[i] = four(a + i * step_a + x);
    UNROLL for (int j = 0; j < n; ++j) right[j] = four(b + j * step_b + x);
    UNROLL for (int i = 0; i < m; ++i) {
      UNROLL for (int j = 0; j < n; ++j) {
        c[i][j] = fmaf(left[i].x, right[j].x, c[i][j]);
        c[i][j] = fmaf(left[i].y, right[j].y, c[i][j]);
        c[i][j] = fmaf(left[i].z, right[j].z, c[i][j]);
        c[i][j] = fmaf(left[i].w, right[j].w, c[i][j]);
      }
    }
  }
}

// c[i][j] += a[row i][x] b[x][j] over x < n; b's four columns lie side by side.
DEVICE void rows_times(const float* a, int step_a, const float* b, int ld_b, int n, float (&c)[4][4]) {
  for (int x = 0; x < n; x += 4) {
    float4 left[4];
    UNROLL for (int i = 0; i < 4; ++i) left[i] = four(a + i * step_a + x);
    UNROLL for (int y = 0; y < 4; ++y) {
      const float4 right = four(b + (x + y) * ld_b);
      UNROLL for (int i = 0; i < 4; ++i) {
        const float l = y == 0 ? left[i].x : y == 1 ? left[i].y : y == 2 ? left[i].z : left[i].w;
        c[i][0] = fmaf(l, right.x, c[i][0]);
        c[i][1] = fmaf(l, right.y, c[i][1]);
        c[i][2] = fmaf(l, right.z, c[i][2]);
        c[i][3] = fmaf(l, right.w, c[i][3]);
      }
    }
  }
}

// c[i][j] += a[x][i] b[x][j] over x < n; four columns of a and of b lie side by side.
DEVICE void columns_times(const float* a, int ld_a, const float* b, int ld_b, int n, float (&c)[4][4]) {
  for (int x = 0; x < n; ++x) {
    const float4 l = four(a + x * ld_a), r = four(b + x * ld_b);
    const float left[4] = {l.x, l.y, l.z, l.w};
    UNROLL for (int i = 0; i < 4; ++i) {
      c[i][0] = fmaf(left[i], r.x, c[i][0]);
      c[i][1] = fmaf(left[i], r.y, c[i][1]);
      c[i][2] = fmaf(left[i], r.z, c[i][2]);
      c[i][3] = fmaf(left[i], r.w, c[i][3]);
    }
  }
}

struct Scalar {
  static constexpr int pad = 4, warp = 1;  // threads that work on a share together
  DEVICE static float rounded(float x) { return x; }

  // A part of a result [rows][channels].
  struct Share {
    static constexpr int size = 16, wide = 4;
    int row, step, rows, column;
    float c[4][4] = {};

    // Rows lie apart for row-wise products and side by side for column-wise ones.
    DEVICE void place(int index, int of_rows, int channels, bool side_by_side) {
      rows = of_rows;
      const int across = parts(channels, 4), down = parts(rows, 4);
      step = side_by_side ? 1 : down;
      row = index / across < down ? index / across * (side_by_side ? 4 : 1) : rows;
      column = index % across * 4;
    }
    DEVICE static int count(int rows, int channels) { return parts(rows, 4) * parts(channels, 4); }

    // += a b over n columns of a, rows of b
    DEVICE void add_rows(const float* a, int ld_a, const float* b, int ld_b, int n) {
      if (row < rows) rows_times(a + row * ld_a, step * ld_a, b + column, ld_b, n, c);
    }
    // += a^T b over n rows
    DEVICE void add_columns(const float* a, int ld_a, const float* b, int ld_b, int n) {
      if (row < rows) columns_times(a + row, ld_a, b + column, ld_b, n, c);
    }
    // Calls f(row, channel, values that lie side by side).
    template <class F>
    DEVICE void each(const F& f) {
      UNROLL for (int i = 0; i < 4; ++i) {
        if (row + i * step < rows) f(row + i * step, column, c[i]);
      }
    }
  };

  // s = a b^T, in squares of `square`.
  template <int square>
  DEVICE static void dots_by(const float* a, int rows_a, const float* b, int rows_b, int ld, int channels, float* s, int ld_s, int worker, int workers) {
    const int down = parts(rows_a, square), across = parts(rows_b, square);
    for (int t = worker; t < down * across; t += workers) {
      const int row = t / across, column = t % across;
      float c[square][square] = {};
      dot_rows(a + row * ld, down * ld, b + column * ld, across * ld, channels, c);
      UNROLL for (int i = 0; i < square; ++i) {
        UNROLL for (int j = 0; j < square; ++j) s[(row + i * down) * ld_s + column + j * across] = c[i][j];
      }
    }
  }
  // Small squares where there are few results, so that more threads have work.
  DEVICE static void dots(const float* a, int rows_a, const float* b, int rows_b, int ld, int channels, float* s, int ld_s, int worker, int workers) {
    if (rows_a * rows_b > 8 * workers) dots_by<4>(a, rows_a, b, rows_b, ld, channels, s, ld_s, worker, workers);
    else dots_by<2>(a, rows_a, b, rows_b, ld, channels, s, ld_s, worker, workers);
  }
};

}  // namespace lrdist::cuda::attention
