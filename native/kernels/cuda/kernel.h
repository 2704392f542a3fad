// What all CUDA kernels share, and how they are written. A kernel is
//
//   norm.h    its arguments, one plain struct, and its name: what core needs to launch it
//   norm.cu   its body, a DEVICE function of those arguments, and one line LRDIST_KERNEL(...) for each instance
//
// The files are compiled three ways: by NVRTC at first use (all of them in one piece; it finds no headers, so they include nothing but one
// another), by nvcc in a check, and by the host's compiler for the emulator (kernels/emulated), which runs blocks and threads on the
// processor, so that the same code is tested without a GPU. Bodies use threadIdx, blockIdx, blockDim, gridDim, __syncthreads(),
// __shared__, dynamic_shared<T>(), and for warps __shfl_xor_sync, __shfl_down_sync, __shfl_sync and __syncwarp, all with a full mask.
//
// Conventions: gridDim.y counts replicas. A matrix of K replicas is [K][rows][columns]; its `stride` is the distance of two replicas in elements, 0 where
// all share one. A weight's stride is the length of the arena. Sizes that change from batch to batch are read from memory (`const int* count`), because
// a captured graph keeps its arguments.
#pragma once

namespace lrdist::cuda {

// Name of a kernel and the type of its arguments.
template <class A>
struct Kernel {
  const char* name;
};

// A buffer of each replica: that of replica k begins at data + k * stride; stride 0: all share one.
template <class T>
struct Each {
  T* data;
  long long stride;
};

// The upper half of a float, as kernels/bf16.h has it.
struct bfloat {
  unsigned short bits;
};

// Which token each row of a matrix is. Rows from *count to padded are zero where a product reads them.
struct Rows {
  const int* count;
  int padded;
  const int* position;  // in its sequence
  const int* slot;      // of its sequence in the optimizer step
};

// The dropout of one site; the optimizer step is read when the kernel runs. kernels/philox.h has the numbers.
struct Dropout {
  unsigned threshold;  // 0: none
  float scale;
  unsigned key0, key1, site;
  const unsigned* step;
};

// Where sums over rows go: to[k * stride + column] (+)= sum. Null: nowhere.
struct Columns {
  float* to;
  long long stride;
  bool accumulate;
};

}  // namespace lrdist::cuda
