// What bodies of kernels share. A kernel's file looks like probe.cu: it includes its own header and this file, and nothing else.
#pragma once

#include "kernel.h"

#ifdef __CUDACC__  // nvcc and NVRTC
#define DEVICE __device__ __forceinline__
#define UNROLL _Pragma("unroll")
// __grid_constant__: bodies take references into the arguments, which stay where the launch put them instead of being copied by each thread.
#define LRDIST_DEFINE_KERNEL(kernel, threads, ...)                                                                                                        \
  static_assert(::lrdist::cuda::same_text(kernel.name, #kernel), "a kernel's name is that of its constant");                                              \
  extern "C" __global__ void __launch_bounds__(threads) lrdist_##kernel(const __grid_constant__ ::lrdist::cuda::ArgumentsOf<decltype(kernel)> arguments) { \
    __VA_ARGS__(arguments);                                                                                                                               \
  }
namespace lrdist::cuda {
template <class T>
DEVICE T* dynamic_shared() {
  extern __shared__ __align__(128) unsigned char lrdist_dynamic_shared[];
  return reinterpret_cast<T*>(lrdist_dynamic_shared);
}
}  // namespace lrdist::cuda
#else
#include "../emulated/names.h"
#include "../emulated/registry.h"
#define DEVICE inline
#define UNROLL
#define LRDIST_DEFINE_KERNEL(kernel, threads, ...)                                                                                           \
  static_assert(::lrdist::cuda::same_text(kernel.name, #kernel), "a kernel's name is that of its constant");                                 \
  static const ::lrdist::emulated::Registration lrdist_registration_##kernel({#kernel, sizeof(::lrdist::cuda::ArgumentsOf<decltype(kernel)>), \
                                                                              threads, [](const void* arguments) {                           \
    __VA_ARGS__(*static_cast<const ::lrdist::cuda::ArgumentsOf<decltype(kernel)>*>(arguments));                                              \
  }});
#endif

// A launch takes at most 4 KiB of them.
#define LRDIST_CHECK_ARGUMENTS(kernel) static_assert(sizeof(::lrdist::cuda::ArgumentsOf<decltype(kernel)>) <= 4096, "arguments that no launch takes");

// One instance: the constant from the header and the body, a DEVICE function of `const Arguments&`. `threads` is the largest block it is launched with:
// the fewer, the more registers a thread gets.
//   LRDIST_KERNEL(norm_bf16, 256, norm_body<bfloat, 8>)
#define LRDIST_KERNEL(kernel, threads, ...) LRDIST_CHECK_ARGUMENTS(kernel) LRDIST_DEFINE_KERNEL(kernel, threads, __VA_ARGS__)

namespace lrdist::cuda {

template <class K>
struct ArgumentsIn;
template <class A>
struct ArgumentsIn<const Kernel<A>> {
  using Type = A;
};
template <class K>
using ArgumentsOf = typename ArgumentsIn<K>::Type;

constexpr bool same_text(const char* a, const char* b) { return *a == *b && (*a == 0 || same_text(a + 1, b + 1)); }

constexpr unsigned full_mask = 0xFFFFFFFFu;

// --- bfloat

DEVICE float to_float(float x) { return x; }
DEVICE float to_float(bfloat x) { return __uint_as_float(static_cast<unsigned>(x.bits) << 16); }

// Nearest, ties to even; NaN stays NaN.
DEVICE bfloat to_bfloat(float x) {
#ifdef __CUDACC__
  unsigned short bits;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(bits) : "f"(x));
  return bfloat{bits};
#else
  const unsigned bits = __float_as_uint(x), high = bits >> 16;
  return bfloat{static_cast<unsigned short>((bits & 0x7FFFFFFFu) > 0x7F800000u ? high | 0x40 : (bits + 0x7FFF + (high & 1)) >> 16)};
#endif
}

DEVICE void put(float* to, float x) { *to = x; }
DEVICE void put(bfloat* to, float x) { *to = to_bfloat(x); }

// --- several elements at once. The address must be a multiple of n * sizeof(T), at most 16 of it; n * sizeof(T) is 4, 8, 16 or 32.

template <class T, int n>
struct alignas(n * sizeof(T) < 16 ? n * sizeof(T) : 16) Pack {
  T at[n];
};

// Whether n elements can be loaded from p and, with a stride that passes too, from p + stride.
template <int n, class T>
DEVICE bool aligned(const T* p) {
  return reinterpret_cast<unsigned long long>(p) % alignof(Pack<T, n>) == 0;
}
template <int n, class T>
DEVICE bool aligned_stride(long long stride) {
  return stride * static_cast<long long>(sizeof(T)) % static_cast<long long>(alignof(Pack<T, n>)) == 0;
}

template <int n, class T>
DEVICE void load(const T* from, float (&to)[n]) {
#ifndef __CUDACC__
  if (!aligned<n>(from)) emulated::fail("a load from an address that is not aligned", {__FILE__, __LINE__});
#endif
  const Pack<T, n> pack = *reinterpret_cast<const Pack<T, n>*>(from);
  UNROLL for (int i = 0; i < n; ++i) to[i] = to_float(pack.at[i]);
}

template <int n, class T>
DEVICE void store(T* to, const float (&from)[n]) {
#ifndef __CUDACC__
  if (!aligned<n>(to)) emulated::fail("a store to an address that is not aligned", {__FILE__, __LINE__});
#endif
  Pack<T, n> pack;
  UNROLL for (int i = 0; i < n; ++i) put(&pack.at[i], from[i]);
  *reinterpret_cast<Pack<T, n>*>(to) = pack;
}

// --- dropout, bit for bit as kernels/philox.h

struct Words {
  unsigned at[4];
};

DEVICE Words philox(unsigned c0, unsigned c1, unsigned c2, unsigned c3, unsigned k0, unsigned k1) {
  UNROLL for (int round = 0; round < 10; ++round) {
    const unsigned long long p0 = 0xD2511F53ull * c0, p1 = 0xCD9E8D57ull * c2;
    const unsigned n0 = static_cast<unsigned>(p1 >> 32) ^ c1 ^ k0, n2 = static_cast<unsigned>(p0 >> 32) ^ c3 ^ k1;
    c1 = static_cast<unsigned>(p1);
    c3 = static_cast<unsigned>(p0);
    c0 = n0;
    c2 = n2;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return {{c0, c1, c2, c3}};
}

// Keep factors, 0 or the scale, of the elements group * 8 ... group * 8 + 7 of a row. `step` is *dropout.step, read once.
DEVICE void keep_eight(const Dropout& dropout, unsigned step, unsigned group, int position, int slot, float (&keep)[8]) {
  const Words words = philox(group, static_cast<unsigned>(position) | dropout.site << 16, static_cast<unsigned>(slot), step, dropout.key0, dropout.key1);
  UNROLL for (int i = 0; i < 4; ++i) {
    keep[2 * i] = (words.at[i] & 0xFFFF) < dropout.threshold ? 0 : dropout.scale;
    keep[2 * i + 1] = words.at[i] >> 16 < dropout.threshold ? 0 : dropout.scale;
  }
}

// --- sums and maxima, in an order that depends on the number of threads alone

DEVICE int lane_index() { return static_cast<int>(threadIdx.x % 32); }
DEVICE int warp_index() { return static_cast<int>(threadIdx.x / 32); }
DEVICE int warp_count() { return static_cast<int>(blockDim.x / 32); }

struct Plus {
  template <class V>
  DEVICE V operator()(V a, V b) const {
    return a + b;
  }
};
struct Larger {
  template <class V>
  DEVICE V operator()(V a, V b) const {
    return a < b ? b : a;
  }
};

// Every lane gets the result, with the same bits.
template <class Operation, class V>
DEVICE V warp_reduce(V value, Operation operation) {
  UNROLL for (int flip = 16; flip > 0; flip /= 2) value = operation(value, __shfl_xor_sync(full_mask, value, flip));
  return value;
}
template <class V>
DEVICE V warp_sum(V value) {
  return warp_reduce(value, Plus{});
}
template <class V>
DEVICE V warp_max(V value) {
  return warp_reduce(value, Larger{});
}

// n results over a block whose size is a multiple of 32; every thread gets them. All threads must call it.
template <class Operation, int n, class V>
DEVICE void block_reduce(V (&values)[n], Operation operation) {
  __shared__ V parts[n][32];
  UNROLL for (int i = 0; i < n; ++i) values[i] = warp_reduce(values[i], operation);
  __syncthreads();  // an earlier result has been read by all
  if (lane_index() == 0) {
    UNROLL for (int i = 0; i < n; ++i) parts[i][warp_index()] = values[i];
  }
  __syncthreads();
  UNROLL for (int i = 0; i < n; ++i) {
    values[i] = parts[i][0];
    for (int warp = 1; warp < warp_count(); ++warp) values[i] = operation(values[i], parts[i][warp]);
  }
}
template <int n, class V>
DEVICE void block_sums(V (&values)[n]) {
  block_reduce(values, Plus{});
}
template <class V>
DEVICE V block_sum(V value) {
  V values[1] = {value};
  block_reduce(values, Plus{});
  return values[0];
}
template <class V>
DEVICE V block_max(V value) {
  V values[1] = {value};
  block_reduce(values, Larger{});
  return values[0];
}

}  // namespace lrdist::cuda
