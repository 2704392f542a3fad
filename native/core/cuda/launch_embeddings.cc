#include "launch_embeddings.h"

#include "row_grids.h"

namespace lrdist::cuda {
namespace {

constexpr Kernel<Embed> embeds[] = {embed_any, embed_1, embed_2, embed_3, embed_4};

// A block for each of `rows` rows, four columns a thread.
Grid table_grid(int64_t rows, int64_t width, int64_t replicas) {
  const Grid tiles = tile_grid(1, 1, width, 4, replicas, 256);
  return {as_grid(rows), tiles.y, tiles.x, tiles.threads};
}

}  // namespace

void embed(Device& device, const Embed& a, int64_t replicas) {
  Embed b = a;
  const auto weight = [&](const float* data) { return weight_of(data, a.weights); };
  b.vectors = by_vectors(a.width, weight(a.word), weight(a.position), weight(a.type), weight(a.gamma), weight(a.beta), a.y, a.y_low, a.xhat);
  device.launch(embeds[held_by(a.width, b.vectors)], row_grid(a.rows.padded, replicas), b);
}

void word_gradient(Device& device, const WordGradient& a, int64_t replicas) {
  WordGradient b = a;
  b.vectors = by_vectors(a.width, a.d, a.table);
  device.launch(sum_word_rows, table_grid(a.rows_at_most, a.width, replicas), b);
  device.launch(stamp_word_rows, {as_grid(blocks_of(a.rows_at_most, 128)), 1, 1, 128}, b);
}

void clear_unstamped(Device& device, const ClearUnstamped& a, int64_t replicas) {
  ClearUnstamped b = a;
  b.vectors = by_vectors(a.width, a.table);
  device.launch(clear_unstamped_rows, row_grid(a.rows, replicas), b);
}

void position_gradient(Device& device, const PositionGradient& a, int64_t replicas) {
  PositionGradient b = a;
  b.vectors = by_vectors(a.width, a.d, a.table);
  device.launch(sum_positions, table_grid(a.positions, a.width, replicas), b);
}

void type_gradient(Device& device, const TypeGradient& a, const Columns& to, int64_t replicas, const Workspace& workspace) {
  TypeGradient b = a;
  const int columns = a.rows * a.width;
  b.partial = partial_sums(workspace, a.padded, columns, replicas);
  b.vectors = by_vectors(a.width, a.d, b.partial);
  device.launch(sum_types, tile_grid(a.padded, sum_rows, a.width, 8, replicas), b);
  finish(device, {read_only(b.partial), a.count, 0, a.padded, columns, 1, {to}}, replicas);
}

}  // namespace lrdist::cuda
