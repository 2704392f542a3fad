// Tiles of queries, keys and values in shared memory: rows of floats, `ld` apart. ld is 4 more than a multiple of 32, so that rows next to each other
// lie in different banks.
#pragma once

#include "device.cuh"

namespace lrdist::cuda::attention {

DEVICE int parts(int n, int size) { return (n + size - 1) / size; }

DEVICE float4 four(const float* p) { return *reinterpret_cast<const float4*>(p); }
DEVICE void set_four(float* p, float4 x) { *reinterpret_cast<float4*>(p) = x; }

// Rows of one head in global memory; in shared memory, at `to`, they become (x + bias) * factor.
template <class T>
struct Source {
  const T* data;
  long long ld;
  const float* bias;  // or null
  float factor;
  int rows;
  float* to;
};

// n matrices at once, so that their loads are under way together; zeros up to whole multiples of P::pad rows and channels. P::rounded is what products
// read. With `vectors` all lies at 16-byte boundaries.
template <class P, class T, int n>
DEVICE void load_rows(const Source<T> (&from)[n], int ld, int channels, bool vectors) {
  constexpr int width = 16 / sizeof(T);
  static_assert(P::pad % width == 0);
  const int wide = parts(channels, P::pad) * (P::pad / width);
  int most = 0;
  UNROLL for (int m = 0; m < n; ++m) most = max(most, parts(from[m].rows, P::pad) * P::pad);
  for (int i = static_cast<int>(threadIdx.x); i < most * wide; i += static_cast<int>(blockDim.x)) {
    const int row = i / wide, channel = i % wide * width;
    float x[n][width];
    UNROLL for (int m = 0; m < n; ++m) {
      UNROLL for (int j = 0; j < width; ++j) x[m][j] = 0;
      if (row >= from[m].rows || channel >= channels) continue;
      const T* const source = from[m].data + row * from[m].ld + channel;
      if (vectors) {
        load(source, x[m]);
      } else {
        UNROLL for (int j = 0; j < width; ++j) {
          if (channel + j < channels) x[m][j] = to_float(source[j]);
        }
      }
    }
    UNROLL for (int m = 0; m < n; ++m) {
      const bool real = row < from[m].rows;
      UNROLL for (int j = 0; j < width; ++j) {
        const float bias = real && from[m].bias && channel + j < channels ? from[m].bias[channel + j] : 0;
        x[m][j] = P::rounded((x[m][j] + bias) * from[m].factor);
      }
      if (row < parts(from[m].rows, P::pad) * P::pad) store(from[m].to + row * ld + channel, x[m]);
    }
  }
}

// Channels of a row in global memory, those that there are.
template <class T, int n>
DEVICE void put_channels(T* to, const float (&x)[n], int channels, bool vectors) {
  if (vectors) {
    store(to, x);
    return;
  }
  UNROLL for (int j = 0; j < n; ++j) {
    if (j < channels) put(to + j, x[j]);
  }
}

// A worker's n parts of a result: every workers-th of them.
template <class Share, int n>
struct Shares {
  Share at[n];

  DEVICE Shares(int worker, int workers, int rows, int channels, bool side_by_side) {
    UNROLL for (int i = 0; i < n; ++i) at[i].place(worker + i * workers, rows, channels, side_by_side);
  }

  template <class F>
  DEVICE void each(const F& f) {
    UNROLL for (int i = 0; i < n; ++i) at[i].each(f);
  }
};

// Rows count .. padded of one head become 0; block `part` of `blocks`.
template <class T>
DEVICE void clear_rows(T* to, long long ld, int count, int padded, int channels, int part, int blocks) {
  const int threads = static_cast<int>(blockDim.x);
  for (int row = count + part; row < padded; row += blocks) {
    for (int channel = static_cast<int>(threadIdx.x); channel < channels; channel += threads) put(to + row * ld + channel, 0.0f);
  }
}

}  // namespace lrdist::cuda::attention
