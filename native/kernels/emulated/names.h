// What bodies of kernels see in place of CUDA's built-in names, and no more: what is missing here is not allowed in a body.
//
//   threadIdx.x  blockIdx.{x,y,z}  blockDim.x  gridDim.{x,y,z}
//   __shared__  dynamic_shared<T>()  __syncthreads()  __syncwarp()
//   __shfl_sync  __shfl_xor_sync  __shfl_down_sync  __shfl_up_sync      mask: always full_mask; values: int, unsigned, long long, float, double
//   float2 float4 int2 int4 uint2 uint4 and their make_...; __float_as_uint  __uint_as_float  min  max  isfinite  isnan
//   sqrtf rsqrtf expf exp2f expm1f logf log1pf powf tanhf erff erfcf sinf cosf fabsf fminf fmaxf fmaf floorf ceilf rintf, and of doubles sqrt exp log pow fabs
//
// Stricter than a device: every thread of the block must come to each __syncthreads(), every lane of the warp to each shuffle and __syncwarp(),
// at the same place in the source; a thread that has returned is missing there. Anything else ends the launch with an error.
// Static shared memory keeps what an earlier block left in it; dynamic shared memory is filled with NaN before each block.
#pragma once

#include <cmath>
#include <cstring>
#include <type_traits>

namespace lrdist::emulated {

struct Index {
  unsigned x, y, z;
};

struct ThreadView {
  Index thread, block, threads, grid;
  unsigned char* dynamic_shared;
};
// Of the thread that runs.
extern constinit thread_local const ThreadView* self;

// A place in the source.
struct Place {
  const char* file;
  int line;
};

void wait_for_block(const char* what, Place place);
// Lane `source` of the warp gave its value at the same place. -1: no value is asked for.
unsigned long long exchange(const char* what, Place place, unsigned long long bits, int source);
int lane_of_self();
[[noreturn]] void fail(const char* why, Place place);

template <class T>
T exchange_value(const char* what, Place place, T value, int source) {
  static_assert(std::is_arithmetic_v<T> && sizeof(T) >= 4, "shuffles take int, unsigned, long long, float and double");
  unsigned long long bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  bits = exchange(what, place, bits, source);
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

inline void check_shuffle(unsigned mask, int width, Place place) {
  if (mask != 0xFFFFFFFFu) fail("a shuffle whose mask is not full", place);
  if (width < 1 || width > 32 || (width & (width - 1)) != 0) fail("a shuffle's width must be a power of two up to 32", place);
}

}  // namespace lrdist::emulated

#define threadIdx (::lrdist::emulated::self->thread)
#define blockIdx (::lrdist::emulated::self->block)
#define blockDim (::lrdist::emulated::self->threads)
#define gridDim (::lrdist::emulated::self->grid)
#define __shared__ static thread_local

namespace lrdist::cuda {

template <class T>
T* dynamic_shared() {
  return reinterpret_cast<T*>(emulated::self->dynamic_shared);
}

inline void __syncthreads(const char* file = __builtin_FILE(), int line = __builtin_LINE()) { emulated::wait_for_block("__syncthreads", {file, line}); }

inline void __syncwarp(unsigned mask = 0xFFFFFFFFu, const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  if (mask != 0xFFFFFFFFu) emulated::fail("a __syncwarp whose mask is not full", {file, line});
  emulated::exchange("__syncwarp", {file, line}, 0, -1);
}

template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32, const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  emulated::check_shuffle(mask, width, {file, line});
  const int first = emulated::lane_of_self() & ~(width - 1);
  return emulated::exchange_value("__shfl_sync", {file, line}, value, first + (source & (width - 1)));
}

template <class T>
T __shfl_xor_sync(unsigned mask, T value, int flip, int width = 32, const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  emulated::check_shuffle(mask, width, {file, line});
  const int lane = emulated::lane_of_self(), source = lane ^ flip;
  // A lane of a later group cannot be read; one of an earlier group can.
  return emulated::exchange_value("__shfl_xor_sync", {file, line}, value, source >= (lane & ~(width - 1)) + width ? lane : source);
}

template <class T>
T __shfl_down_sync(unsigned mask, T value, int delta, int width = 32, const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  emulated::check_shuffle(mask, width, {file, line});
  const int lane = emulated::lane_of_self(), source = lane + delta;
  return emulated::exchange_value("__shfl_down_sync", {file, line}, value, source >= (lane & ~(width - 1)) + width ? lane : source);
}

template <class T>
T __shfl_up_sync(unsigned mask, T value, int delta, int width = 32, const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  emulated::check_shuffle(mask, width, {file, line});
  const int lane = emulated::lane_of_self(), source = lane - delta;
  return emulated::exchange_value("__shfl_up_sync", {file, line}, value, source < (lane & ~(width - 1)) ? lane : source);
}

#define LRDIST_VECTOR(name, T, bytes)                                         \
  struct alignas(bytes / 2) name##2 {                                         \
    T x, y;                                                                   \
  };                                                                          \
  struct alignas(bytes) name##4 {                                             \
    T x, y, z, w;                                                             \
  };                                                                          \
  inline name##2 make_##name##2(T x, T y) { return {x, y}; }                  \
  inline name##4 make_##name##4(T x, T y, T z, T w) { return {x, y, z, w}; }
LRDIST_VECTOR(float, float, 16)
LRDIST_VECTOR(int, int, 16)
LRDIST_VECTOR(uint, unsigned, 16)
#undef LRDIST_VECTOR

inline unsigned __float_as_uint(float x) {
  unsigned bits;
  std::memcpy(&bits, &x, sizeof bits);
  return bits;
}
inline float __uint_as_float(unsigned bits) {
  float x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}
inline float rsqrtf(float x) { return 1 / sqrtf(x); }
template <class T>
T min(T a, T b) {
  return b < a ? b : a;
}
template <class T>
T max(T a, T b) {
  return a < b ? b : a;
}
using std::isfinite;
using std::isnan;

}  // namespace lrdist::cuda
