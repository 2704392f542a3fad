#include <type_traits>

#include "launch_pointwise.h"
#include "row_grids.h"

namespace lrdist::cuda {

int64_t sums_workspace(int64_t padded, int64_t columns, int64_t replicas) { return blocks_of(padded, sum_rows) * columns * replicas; }

template <class T>
void gelu_backward(Device& device, const GeluBackward<T>& a, int64_t replicas, const Workspace& workspace) {
  GeluBackward<T> b = a;
  if (a.sums.to) b.partial = partial_sums(workspace, a.padded, a.width, replicas);
  b.vectors = by_vectors(a.width, a.dg, a.derivative, b.partial);
  const Grid grid = tile_grid(a.padded, sum_rows, a.width, 8, replicas);
  if constexpr (std::is_same_v<T, float>) device.launch(gelu_backward_f32, grid, b);
  else device.launch(gelu_backward_bf16, grid, b);
  if (a.sums.to) finish(device, {read_only(b.partial), a.count, 0, a.padded, a.width, 1, {a.sums}}, replicas);
}

template <class T>
void column_sums(Device& device, const ColumnSums<T>& a, int64_t replicas, const Workspace& workspace) {
  ColumnSums<T> b = a;
  b.partial = partial_sums(workspace, a.padded, a.width, replicas);
  b.vectors = by_vectors(a.width, a.d, b.partial);
  const Grid grid = tile_grid(a.padded, sum_rows, a.width, 8, replicas);
  if constexpr (std::is_same_v<T, float>) device.launch(column_sums_f32, grid, b);
  else device.launch(column_sums_bf16, grid, b);
  finish(device, {read_only(b.partial), a.count, a.first, a.padded, a.width, a.parts, {a.to[0], a.to[1], a.to[2]}}, replicas);
}

template void gelu_backward<float>(Device&, const GeluBackward<float>&, int64_t, const Workspace&);
template void gelu_backward<bfloat>(Device&, const GeluBackward<bfloat>&, int64_t, const Workspace&);
template void column_sums<float>(Device&, const ColumnSums<float>&, int64_t, const Workspace&);
template void column_sums<bfloat>(Device&, const ColumnSums<bfloat>&, int64_t, const Workspace&);

}  // namespace lrdist::cuda
