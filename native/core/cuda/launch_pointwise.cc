#include "launch_pointwise.h"

#include <type_traits>

#include "row_grids.h"

namespace lrdist::cuda {
namespace {

Grid tiles(int64_t padded, int64_t width, int64_t replicas) { return tile_grid(padded, tile_rows, width, 8, replicas); }

}  // namespace

template <class T>
void bias_gelu(Device& device, const BiasGelu<T>& a, int64_t replicas) {
  BiasGelu<T> b = a;
  b.vectors = by_vectors(a.width, a.u, weight_of(a.bias, a.weights), a.g);
  if constexpr (std::is_same_v<T, float>) device.launch(bias_gelu_f32, tiles(a.padded, a.width, replicas), b);
  else device.launch(bias_gelu_bf16, tiles(a.padded, a.width, replicas), b);
}

void dropout_rows(Device& device, const DropoutRows& a, int64_t replicas) {
  DropoutRows b = a;
  b.vectors = by_vectors(a.width, a.x, a.y);
  device.launch(drop_rows, tiles(a.rows.padded, a.width, replicas), b);
}

void bias_tanh(Device& device, const BiasTanh& a, int64_t replicas) {
  BiasTanh b = a;
  b.vectors = by_vectors(a.width, a.x, weight_of(a.bias, a.weights));
  device.launch(tanh_of_biased, tiles(a.padded, a.width, replicas), b);
}

void convert(Device& device, const Convert<float, bfloat>& a, int64_t replicas) {
  if (a.n == 0) return;
  Convert<float, bfloat> b = a;
  b.vectors = by_vectors(8, a.from, a.to);
  device.launch(convert_to_bf16, flat_grid(a.n, replicas), b);
}

void gather_rows(Device& device, const GatherRows& a, int64_t replicas) {
  GatherRows b = a;
  b.vectors = by_vectors(a.width, a.x, a.y, a.x_low, a.y_low);
  device.launch(gather_index, tiles(a.padded, a.width, replicas), b);
}

template <class T>
void add_rows(Device& device, const AddRows<T>& a, int64_t replicas) {
  AddRows<T> b = a;
  b.vectors = by_vectors(a.width, a.out, a.product, a.residual);
  if constexpr (std::is_same_v<T, float>) device.launch(add_index_f32, tiles(a.padded, a.width, replicas), b);
  else device.launch(add_index_bf16, tiles(a.padded, a.width, replicas), b);
}

template void bias_gelu<float>(Device&, const BiasGelu<float>&, int64_t);
template void bias_gelu<bfloat>(Device&, const BiasGelu<bfloat>&, int64_t);
template void add_rows<float>(Device&, const AddRows<float>&, int64_t);
template void add_rows<bfloat>(Device&, const AddRows<bfloat>&, int64_t);

}  // namespace lrdist::cuda
