#include "launch_heads.h"

#include <algorithm>

namespace lrdist::cuda {
namespace {

constexpr unsigned threads = 128, warps = threads / 32;

unsigned parts(int n, unsigned size) { return (static_cast<unsigned>(n) + size - 1) / size; }

}  // namespace

void classifier(Device& device, const Classifier& a, int replicas) {
  device.launch(classifier_kernel, {parts(a.rows.padded, warps), static_cast<unsigned>(replicas), 1, threads}, a);
}

void classifier_weights(Device& device, const ClassifierWeights& a, int replicas) {
  if (!a.dweight.to && !a.dbias.to) return;
  device.launch(classifier_weights_kernel, {parts(a.width, threads) + 1, static_cast<unsigned>(replicas), static_cast<unsigned>(a.outputs), threads}, a);
}

void classifier_input(Device& device, const ClassifierInput& a, int replicas) {
  const unsigned needed = parts(a.width, 8), whole_warps = std::clamp((needed + 31) / 32 * 32, 32u, threads);
  device.launch(classifier_input_kernel, {static_cast<unsigned>(a.rows.padded), static_cast<unsigned>(replicas), 1, whole_warps}, a);
}

}  // namespace lrdist::cuda
