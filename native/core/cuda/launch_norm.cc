#include "launch_norm.h"

#include "row_grids.h"

namespace lrdist::cuda {
namespace {

constexpr Kernel<ResidualNorm<float>> residual_f32[] = {residual_norm_f32_any, residual_norm_f32_1, residual_norm_f32_2, residual_norm_f32_3, residual_norm_f32_4};
constexpr Kernel<ResidualNorm<bfloat>> residual_bf16[] = {residual_norm_bf16_any, residual_norm_bf16_1, residual_norm_bf16_2, residual_norm_bf16_3,
                                                          residual_norm_bf16_4};
constexpr Kernel<PlainNorm> plain[] = {plain_norm_any, plain_norm_1, plain_norm_2, plain_norm_3, plain_norm_4};
constexpr Kernel<NormBackward<float>> backward_f32[] = {norm_backward_f32_any, norm_backward_f32_1, norm_backward_f32_2, norm_backward_f32_3,
                                                        norm_backward_f32_4};
constexpr Kernel<NormBackward<bfloat>> backward_bf16[] = {norm_backward_bf16_any, norm_backward_bf16_1, norm_backward_bf16_2, norm_backward_bf16_3,
                                                          norm_backward_bf16_4};

template <class T>
const auto& residual_norms() {
  if constexpr (std::is_same_v<T, float>) return residual_f32;
  else return residual_bf16;
}
template <class T>
const auto& norm_backwards() {
  if constexpr (std::is_same_v<T, float>) return backward_f32;
  else return backward_bf16;
}

}  // namespace

template <class T>
void bias_dropout_residual_norm(Device& device, const ResidualNorm<T>& a, int64_t replicas) {
  ResidualNorm<T> b = a;
  b.vectors = by_vectors(a.width, a.x, a.residual, weight_of(a.bias, a.weights), weight_of(a.gamma, a.weights), weight_of(a.beta, a.weights), a.y, a.y_low, a.xhat);
  device.launch(residual_norms<T>()[held_by(a.width, b.vectors)], row_grid(a.rows.padded, replicas), b);
}

void norm(Device& device, const PlainNorm& a, int64_t replicas) {
  PlainNorm b = a;
  b.vectors = by_vectors(a.width, a.x, weight_of(a.gamma, a.weights), weight_of(a.beta, a.weights), a.y, a.y_low, a.xhat);
  device.launch(plain[held_by(a.width, b.vectors)], row_grid(a.rows.padded, replicas), b);
}

template <class T>
void norm_backward(Device& device, const NormBackward<T>& a, int64_t replicas, const Workspace& workspace) {
  NormBackward<T> b = a;
  if (static_cast<const void*>(b.branch.data) == b.dx.data) b.branch = {nullptr, 0};
  b.vectors = by_vectors(a.width, a.dy, a.dy2, a.xhat, weight_of(a.gamma, a.weights), a.dx, a.branch);
  FinishSums sums{};
  for (const Columns& to : {a.dgamma, a.dbeta, a.dbranch})
    if (to.to) sums.to[sums.parts++] = to;
  sums.width = sums.parts * a.width;
  if (sums.parts > 0) b.partial = partial_sums(workspace, a.rows.padded, sums.width, replicas);
  const int64_t held = held_by(a.width, b.vectors);
  Grid grid{as_grid(blocks_of(a.rows.padded, sum_rows)), as_grid(replicas), 1, held > 0 ? 32u * norm_warps : 32u};
  if (held > 0 && sums.parts > 0) grid.shared_bytes = static_cast<unsigned>(norm_warps * a.width) * sizeof(float);
  device.launch(norm_backwards<T>()[held], grid, b);
  if (sums.parts == 0) return;
  sums.partial = read_only(b.partial);
  sums.count = a.rows.count;
  sums.padded = a.rows.padded;
  finish(device, sums, replicas);
}

template void bias_dropout_residual_norm<float>(Device&, const ResidualNorm<float>&, int64_t);
template void bias_dropout_residual_norm<bfloat>(Device&, const ResidualNorm<bfloat>&, int64_t);
template void norm_backward<float>(Device&, const NormBackward<float>&, int64_t, const Workspace&);
template void norm_backward<bfloat>(Device&, const NormBackward<bfloat>&, int64_t, const Workspace&);

}  // namespace lrdist::cuda
