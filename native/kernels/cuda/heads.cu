#include "device.cuh"
#include "heads.h"

namespace lrdist::cuda {
namespace heads {

// A warp takes a row, its lanes every 32nd channel.
DEVICE void logits(const Classifier& a) {
  const int row = static_cast<int>(blockIdx.x) * warp_count() + warp_index();
  if (row >= a.rows.padded) return;
  const long long replica = blockIdx.y;
  const bool real = row < *a.rows.count;
  const float* const x = a.x + replica * a.x_stride + static_cast<long long>(row) * a.width;
  float* const out = a.logits + replica * a.logits_stride + static_cast<long long>(row) * a.outputs;
  for (int output = 0; output < a.outputs; ++output) {
    float sum = 0;
    if (real) {
      const float* const w = a.weight + replica * a.weight_stride + static_cast<long long>(output) * a.width;
      for (int channel = lane_index(); channel < a.width; channel += 32) sum = fmaf(x[channel], w[channel], sum);
    }
    sum = warp_sum(sum);
    if (lane_index() == 0) out[output] = real ? sum + a.bias[replica * a.weight_stride + output] : 0;
  }
}

DEVICE void put_sum(const Columns& to, long long replica, long long place, float sum) {
  float* const out = to.to + replica * to.stride + place;
  *out = to.accumulate ? *out + sum : sum;
}

// A thread takes a channel and goes through the rows; the blocks after those of the channels take the bias, a warp for each output.
DEVICE void weights(const ClassifierWeights& a) {
  const int channel_blocks = (a.width + static_cast<int>(blockDim.x) - 1) / static_cast<int>(blockDim.x), block = static_cast<int>(blockIdx.x);
  const int output = static_cast<int>(blockIdx.z), count = *a.rows.count;
  const long long replica = blockIdx.y;
  const float* const d = a.dlogits + replica * a.dlogits_stride + output;
  if (block < channel_blocks) {
    const int channel = block * static_cast<int>(blockDim.x) + static_cast<int>(threadIdx.x);
    if (channel >= a.width || !a.dweight.to) return;
    const float* const x = a.x + replica * a.x_stride + channel;
    float sum = 0;
    for (int row = 0; row < count; ++row) sum = fmaf(d[static_cast<long long>(row) * a.outputs], x[static_cast<long long>(row) * a.width], sum);
    put_sum(a.dweight, replica, static_cast<long long>(output) * a.width + channel, sum);
    return;
  }
  if (warp_index() > 0 || !a.dbias.to) return;
  float sum = 0;
  for (int row = lane_index(); row < count; row += 32) sum += d[static_cast<long long>(row) * a.outputs];
  sum = warp_sum(sum);
  if (lane_index() == 0) put_sum(a.dbias, replica, output, sum);
}

// A thread takes eight channels of a row, which share one draw.
DEVICE void input(const ClassifierInput& a) {
  const int row = static_cast<int>(blockIdx.x), count = *a.rows.count;
  const long long replica = blockIdx.y;
  const float* const d = a.dlogits + replica * a.dlogits_stride + static_cast<long long>(row) * a.outputs;
  const float* const w = a.weight + replica * a.weight_stride;
  const float* const pooled = a.pooled ? a.pooled + replica * a.pooled_stride + static_cast<long long>(row) * a.width : nullptr;
  float* const dx = a.dx + replica * a.dx_stride + static_cast<long long>(row) * a.width;
  const unsigned step = a.dropout.threshold ? *a.dropout.step : 0;
  for (int first = 8 * static_cast<int>(threadIdx.x); first < a.width; first += 8 * static_cast<int>(blockDim.x)) {
    const int channels = min(8, a.width - first);
    float sums[8] = {};
    if (row < count) {
      float keep[8];
      if (a.dropout.threshold) keep_eight(a.dropout, step, static_cast<unsigned>(first / 8), a.rows.position[row], a.rows.slot[row], keep);
      for (int output = 0; output < a.outputs; ++output) {
        const float factor = d[output];
        const float* const from = w + static_cast<long long>(output) * a.width + first;
        UNROLL for (int i = 0; i < 8; ++i) sums[i] = i < channels ? fmaf(factor, from[i], sums[i]) : 0;
      }
      UNROLL for (int i = 0; i < 8; ++i) {
        if (a.dropout.threshold) sums[i] *= keep[i];
        if (pooled && i < channels) sums[i] *= 1 - pooled[first + i] * pooled[first + i];
      }
    }
    UNROLL for (int i = 0; i < 8; ++i) {
      if (i < channels) dx[first + i] = sums[i];
    }
  }
}

}  // namespace heads

LRDIST_KERNEL(classifier_kernel, 128, heads::logits)
LRDIST_KERNEL(classifier_weights_kernel, 128, heads::weights)
LRDIST_KERNEL(classifier_input_kernel, 128, heads::input)

}  // namespace lrdist::cuda
