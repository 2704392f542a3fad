#include "gather.h"

#include "update_rules.h"

namespace lrdist::cuda {

GradientSum::GradientSum(Device& device, const Layout& layout, const std::vector<uint8_t>& written, bool word_dense, const unsigned* stamp,
                         const unsigned* step)
    : device_(device), list_(device, layout, written), facts_(uploaded(device, tensor_facts(layout))),
      word_{stamp, step, nullptr, static_cast<int>(layout.model.vocab), static_cast<int>(layout.model.hidden), word_dense}, stride_(layout.size) {}

void GradientSum::launch(const Kernel<GatherArguments>& kernel, const float* gradients, float* sum, float scale, int64_t replicas) {
  if (list_.count() == 0) return;
  const Chunks chunks{list_.chunks(), facts_.data(), list_.count(), static_cast<int>(facts_.size())};
  device_.launch(kernel, {static_cast<unsigned>(list_.count()), static_cast<unsigned>(replicas), 1, chunk_threads, 0},
                 GatherArguments{chunks, word_, gradients, sum, stride_, scale});
}

void GradientSum::add_squares(const float* gradients, float* sum, float scale, int64_t replicas) {
  launch(add_squares_kernel, gradients, sum, scale, replicas);
}

void GradientSum::add_scaled(const float* gradients, float* sum, float scale, int64_t replicas) {
  launch(add_scaled_kernel, gradients, sum, scale, replicas);
}

std::vector<double> compare(Device& device, const Layout& layout, const float* a, int64_t stride_a, const float* b, int64_t stride_b, int64_t replicas) {
  const ChunkList list(device, layout, {});
  const int tensors = static_cast<int>(layout.count());
  const auto starts = uploaded(device, list.starts());
  const Array<double> partials(device, replicas * list.count() * 4), moments(device, replicas * tensors * 4);
  const Chunks chunks{list.chunks(), nullptr, list.count(), tensors};
  device.launch(compare_chunks_kernel, {static_cast<unsigned>(list.count()), static_cast<unsigned>(replicas), 1, chunk_threads, 0},
                CompareArguments{chunks, a, b, stride_a, stride_b, partials.data()});
  const auto blocks = static_cast<unsigned>((replicas * tensors + chunk_threads - 1) / chunk_threads);
  device.launch(add_compared_kernel, {blocks, 1, 1, chunk_threads, 0},
                AddComparedArguments{partials.data(), starts.data(), list.count(), tensors, static_cast<int>(replicas), moments.data()});
  return downloaded(device, moments.data(), moments.size());
}

}  // namespace lrdist::cuda
