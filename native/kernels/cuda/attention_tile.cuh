// Small products in shared memory, for attention. A matrix is rows of floats, `ld` apart, a multiple of 4 that is 4 more than a multiple of 32 where it
// matters: then rows next to each other lie in different banks. Counts are rounded up to 4; what lies beyond the real ones is 0 or is not used.
#pragma once

#include "device.cuh"

namespace lrdist::cuda::attention {

DEVICE int round4(int n) { return (n + 3) & ~3; }
DEVICE int parts(int n, int size) { return (n + size - 1) / size; }

DEVICE float4 four(const float* p) { return *reinterpret_cast<const float4*>(p); }
DEVICE void set_four(float* p, float4 x) { *reinterpret_cast<float4*>(p) = x; }
DEVICE void eight(const float* p, float (&x)[8]) { load(p, x); }
DEVICE void set_eight(float* p, const float (&x)[8]) { store(p, x); }

// Rows of one head in global memory; they become (x + bias) * factor.
template <class T>
struct Source {
  const T* data;
  long long ld;
  const float* bias;  // or null
  float factor;
};

template <class T>
DEVICE void element(const Source<T>& from, int row, int channel, bool real, float* to) {
  *to = real ? (to_float(from.data[row * from.ld + channel]) + (from.bias ? from.bias[channel] : 0)) * from.factor : 0;
}

// n matrices of the same size at once, so that their loads are under way together. With `vectors` all lies at 16-byte boundaries.
template <class T, int n>
DEVICE void load_rows(const Source<T> (&from)[n], float* const (&to)[n], int ld, int rows, int channels, bool vectors) {
  const int padded = round4(rows);
  if (!vectors) {
    const int wide = round4(channels);
    for (int i = static_cast<int>(threadIdx.x); i < padded * wide; i += static_cast<int>(blockDim.x)) {
      const int row = i / wide, channel = i % wide;
      UNROLL for (int m = 0; m < n; ++m) element(from[m], row, channel, row < rows && channel < channels, to[m] + row * ld + channel);
    }
    return;
  }
  constexpr int width = 16 / sizeof(T);
  const int wide = channels / width;
  for (int i = static_cast<int>(threadIdx.x); i < padded * wide; i += static_cast<int>(blockDim.x)) {
    const int row = i / wide, channel = i % wide * width;
    float x[n][width];
    UNROLL for (int m = 0; m < n; ++m) {
      if (row < rows) {
        load(from[m].data + row * from[m].ld + channel, x[m]);
      } else {
        UNROLL for (int j = 0; j < width; ++j) x[m][j] = 0;
      }
    }
    UNROLL for (int m = 0; m < n; ++m) {
      UNROLL for (int j = 0; j < width; j += 4) {
        float4 bias = make_float4(0, 0, 0, 0);
        if (row < rows && from[m].bias) bias = four(from[m].bias + channel + j);
        set_four(to[m] + row * ld + channel + j, make_float4((x[m][j] + bias.x) * from[m].factor, (x[m][j + 1] + bias.y) * from[m].factor,
                                                             (x[m][j + 2] + bias.z) * from[m].factor, (x[m][j + 3] + bias.w) * from[m].factor));
      }
    }
  }
}

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

// s = a b^T, all rows of a with all rows of b, in squares of `square`; thread `index` of `count`.
template <int square>
DEVICE void all_dots(const float* a, int rows_a, const float* b, int rows_b, int ld, int channels, float* s, int ld_s, int index, int count) {
  const int down = parts(rows_a, square), across = parts(rows_b, square);
  for (int t = index; t < down * across; t += count) {
    const int row = t / across, column = t % across;
    float c[square][square] = {};
    dot_rows(a + row * ld, down * ld, b + column * ld, across * ld, channels, c);
    UNROLL for (int i = 0; i < square; ++i) {
      UNROLL for (int j = 0; j < square; ++j) s[(row + i * down) * ld_s + column + j * across] = c[i][j];
    }
  }
}

// Small squares where there are few results, so that more threads have work.
DEVICE void all_dots(const float* a, int rows_a, const float* b, int rows_b, int ld, int channels, float* s, int ld_s, int index, int count) {
  if (rows_a * rows_b > 8 * count) all_dots<4>(a, rows_a, b, rows_b, ld, channels, s, ld_s, index, count);
  else all_dots<2>(a, rows_a, b, rows_b, ld, channels, s, ld_s, index, count);
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

// Four channels of a row in global memory, those that there are.
template <class T>
DEVICE void put_four(T* to, const float (&x)[4], int channels, bool vectors) {
  if (vectors) {
    store(to, x);
    return;
  }
  UNROLL for (int j = 0; j < 4; ++j) {
    if (j < channels) put(to + j, x[j]);
  }
}

// Rows count .. padded of one head become 0; block `part` of `blocks`.
template <class T>
DEVICE void clear_rows(T* to, long long ld, int count, int padded, int channels, int part, int blocks) {
  const int threads = static_cast<int>(blockDim.x);
  for (int row = count + part; row < padded; row += blocks) {
    for (int channel = static_cast<int>(threadIdx.x); channel < channels; channel += threads) put(to + row * ld + channel, 0.0f);
  }
}

}  // namespace lrdist::cuda::attention
