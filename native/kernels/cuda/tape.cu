#include "device.cuh"
#include "tape.h"

namespace lrdist::cuda {

DEVICE void load_record(const LoadRecordArguments& a) {
  const int* from = a.records[a.cursor->batch];
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < a.size; i += gridDim.x * blockDim.x) a.to[i] = from[i];
}
LRDIST_KERNEL(load_record_kernel, 256, load_record)

DEVICE void advance(const AdvanceArguments& a) {
  if (threadIdx.x != 0) return;
  a.cursor->step += a.steps;
  a.cursor->segment_step += a.steps;
  a.cursor->batch += a.batches;
}
LRDIST_KERNEL(advance_kernel, 32, advance)

// Many threads may write the same 1.
DEVICE void same_as_first(const SameArguments& a) {
  const float* first = a.values + a.begin;
  const float* own = first + blockIdx.y * a.stride;
  const long long threads = static_cast<long long>(gridDim.x) * blockDim.x;
  for (long long i = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x; i < a.size; i += threads)
    if (__float_as_uint(own[i]) != __float_as_uint(first[i])) a.different[blockIdx.y] = 1;
}
LRDIST_KERNEL(same_kernel, 256, same_as_first)

DEVICE void put_rows(const PutRowsArguments& a) {
  const int row = blockIdx.x;
  if (row >= *a.count) return;
  const float* from = a.x + static_cast<long long>(row) * a.width;
  float* to = a.to + static_cast<long long>(a.index[row]) * a.width;
  for (int i = threadIdx.x; i < a.width; i += blockDim.x) to[i] = from[i];
}
LRDIST_KERNEL(put_rows_kernel, put_rows_threads, put_rows)

}  // namespace lrdist::cuda
