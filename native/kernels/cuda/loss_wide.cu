// Cross-entropy over a vocabulary: a block takes a row, reads it once for its maximum and sums and once for the gradient.
#include "loss.cuh"

namespace lrdist::cuda {
namespace losses {

// Sum of e^(x - top) and of x, and their top.
struct Sums {
  float top = -3e38f, exponentials = 0, values = 0;

  DEVICE void add(float x) {
    if (x > top) {
      exponentials *= expf(top - x);
      top = x;
    }
    exponentials += expf(x - top);
    values += x;
  }
};

// The first class up to which the sum of e^(x - top) exceeds u times the whole sum; the last class if none. Each thread sums a run of classes.
DEVICE int class_at(const Row& row, float top, float u) {
  __shared__ double before[257], limit;  // sums before the runs
  __shared__ int picked;
  const int threads = static_cast<int>(blockDim.x), thread = static_cast<int>(threadIdx.x);
  const int run = (row.width + threads - 1) / threads, begin = min(row.width, thread * run), end = min(row.width, begin + run);
  double own = 0;
  for (int j = begin; j < end; ++j) own += expf(row.at(j) - top);
  before[thread + 1] = own;
  __syncthreads();
  if (thread == 0) {
    before[0] = 0;
    for (int i = 1; i <= threads; ++i) before[i] += before[i - 1];
    limit = u * before[threads];
    picked = row.width - 1;
  }
  __syncthreads();
  double sum = before[thread];
  if (sum <= limit && limit < before[thread + 1]) {
    int j = begin;
    for (; j < row.width - 1; ++j) {
      sum += expf(row.at(j) - top);
      if (sum > limit) break;
    }
    picked = j;
  }
  __syncthreads();
  return picked;
}

DEVICE void wide_cross_entropy(const Loss& a) {
  const Row row = row_of(a, static_cast<int>(blockIdx.x));
  const int threads = static_cast<int>(blockDim.x), thread = static_cast<int>(threadIdx.x);
  if (row.index >= a.rows.padded) return;
  float* const loss = a.losses + blockIdx.y * a.losses_stride + row.index;
  if (row.index >= *a.rows.count) {
    if (thread == 0) *loss = 0;
    if (!a.gradient) return;
    for (int j = thread; j < row.width; j += threads) row.logits[j] = 0;
    return;
  }
  Sums own;
  for (int j = thread; j < row.width; j += threads) own.add(row.at(j));
  const float top = block_max(own.top);
  double sums[2] = {static_cast<double>(own.exponentials) * expf(own.top - top), own.values};
  block_sums(sums);

  int target;
  if (a.labels_from_model) target = class_at(row, top, uniform(label_draw(a, row.index).at[0]));
  else target = a.targets ? a.targets[row.index] : static_cast<int>(a.labels[row.index]);

  if (thread == 0) {
    const double log_sum = log(sums[0]) + top;
    *loss = static_cast<float>((1 - a.smoothing) * (log_sum - row.at(target)) + a.smoothing * (log_sum - sums[1] / row.width));
  }
  if (!a.gradient) return;
  __syncthreads();  // the target's logit has been read
  const float scale = scale_of(a), inverse = static_cast<float>(1 / sums[0]), uniform = static_cast<float>(a.smoothing / row.width);
  const float on = scale * static_cast<float>(1 - a.smoothing);
  for (int j = thread; j < row.width; j += threads) {
    const float d = scale * (expf(row.at(j) - top) * inverse - uniform);
    row.logits[j] = j == target ? d - on : d;
  }
}

}  // namespace losses

LRDIST_KERNEL(wide_cross_entropy_kernel, 256, losses::wide_cross_entropy)

}  // namespace lrdist::cuda
