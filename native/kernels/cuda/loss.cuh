// What losses with few and with many classes share.
#pragma once

#include "device.cuh"
#include "loss.h"

namespace lrdist::cuda::losses {

// A row's logits, with the bias that is to be added, and its index in the batch.
struct Row {
  float* logits;
  const float* bias;  // or null
  int width, index;

  DEVICE float at(int j) const { return bias ? logits[j] + bias[j] : logits[j]; }
};

DEVICE Row row_of(const Loss& a, int i) {
  return {a.logits + blockIdx.y * a.logits_stride + static_cast<long long>(i) * a.width, a.bias ? a.bias + blockIdx.y * a.bias_stride : nullptr, a.width,
          a.first + i};
}

DEVICE float scale_of(const Loss& a) { return static_cast<float>((a.weight ? *a.weight : 1) / *a.rows.count); }

DEVICE Words label_draw(const Loss& a, int row) {
  constexpr unsigned site = 0xFFFE;  // kernels/philox.h
  return philox(0, static_cast<unsigned>(a.rows.position[row]) | site << 16, static_cast<unsigned>(a.rows.slot[row]), *a.step, a.key0, a.key1);
}

DEVICE float uniform(unsigned bits) { return static_cast<float>(bits >> 8) * 0x1p-24f; }

}  // namespace lrdist::cuda::losses
