// What drives a segment on the device: the cursor, the copy of the next batch's record, and the step's results.
#pragma once

#include "kernel.h"

namespace lrdist::cuda {

// Where a segment stands. Written by the host before it, moved on by the device.
struct Cursor {
  unsigned step;          // optimizer step over all stages: the dropout stream's
  unsigned segment_step;  // within the segment
  unsigned batch;         // within the segment
};

struct LoadRecordArguments {
  const Cursor* cursor;
  const int* const* records;  // [batches of the segment]
  int* to;
  int size;  // numbers of 32 bits, a multiple of 4
};
inline constexpr Kernel<LoadRecordArguments> load_record_kernel{"load_record_kernel"};

struct AdvanceArguments {
  Cursor* cursor;
  unsigned steps, batches;
};
inline constexpr Kernel<AdvanceArguments> advance_kernel{"advance_kernel"};

// Compares [begin, begin + size) of every replica with replica 0: different[k] = 1 where a bit differs. gridDim.y = replicas.
struct SameArguments {
  const float* values;
  long long stride, begin, size;
  int* different;  // [K], cleared before
};
inline constexpr Kernel<SameArguments> same_kernel{"same_kernel"};

// to[index[i]] = x[i], rows of `width`; a block for each row.
struct PutRowsArguments {
  const float* x;
  float* to;
  const int* index;
  const int* count;
  int width;
};
constexpr int put_rows_threads = 128;
inline constexpr Kernel<PutRowsArguments> put_rows_kernel{"put_rows_kernel"};

}  // namespace lrdist::cuda
