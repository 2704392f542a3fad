#include "launch_loss.h"

namespace lrdist::cuda {
namespace {

constexpr unsigned row_threads = 64, wide_threads = 256;
// Classes from which a block takes a row.
constexpr int wide = 64;

Kernel<Loss> kernel_of(LossKind kind) {
  switch (kind) {
    case LossKind::double_softmax: return double_softmax_kernel;
    case LossKind::mse: return mse_kernel;
    case LossKind::distillation: return distillation_kernel;
    case LossKind::cross_entropy: break;
  }
  return cross_entropy_kernel;
}

}  // namespace

void loss(Device& device, LossKind kind, const Loss& a, int replicas) {
  const auto rows = static_cast<unsigned>(a.chunk), count = static_cast<unsigned>(replicas);
  if (kind == LossKind::cross_entropy && a.width >= wide) device.launch(wide_cross_entropy_kernel, {rows, count, 1, wide_threads}, a);
  else device.launch(kernel_of(kind), {(rows + row_threads - 1) / row_threads, count, 1, row_threads}, a);
}

void accumulate_loss(Device& device, const AccumulateLoss& a, int replicas) {
  device.launch(accumulate_loss_kernel, {1, static_cast<unsigned>(replicas), 1, 32}, a);
}

}  // namespace lrdist::cuda
