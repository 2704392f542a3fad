// Grids of the row-wise kernels, and what their launchers share.
#pragma once

#include <algorithm>
#include <type_traits>

#include "../../kernels/cuda/norm.h"
#include "../../kernels/cuda/sums.h"
#include "../engine.h"
#include "device.h"
#include "workspace.h"

namespace lrdist::cuda {

inline int64_t blocks_of(int64_t n, int64_t size) { return (n + size - 1) / size; }
inline unsigned as_grid(int64_t n) { return static_cast<unsigned>(std::max<int64_t>(n, 1)); }

// A warp for each row.
inline Grid row_grid(int64_t padded, int64_t replicas) { return {as_grid(blocks_of(padded, norm_warps)), as_grid(replicas), 1, 32 * norm_warps}; }

// Tiles of `rows` rows, `columns` columns a thread.
inline Grid tile_grid(int64_t padded, int64_t rows, int64_t width, int64_t columns, int64_t replicas, int64_t most_threads = 128) {
  const int64_t pieces = blocks_of(width, columns), threads = std::min(most_threads, blocks_of(pieces, 32) * 32);
  return {as_grid(blocks_of(pieces, threads)), as_grid(replicas), as_grid(blocks_of(padded, rows)), static_cast<unsigned>(threads)};
}

// n elements, eight a thread.
inline Grid flat_grid(int64_t n, int64_t replicas) { return {as_grid(blocks_of(n, 8 * 256)), as_grid(replicas), 1, 256}; }

// Whether all that a kernel reads by eights lies at 16-byte boundaries; null is fine.
inline bool on_boundary(const void* p) { return reinterpret_cast<uintptr_t>(p) % 16 == 0; }
template <class T>
bool on_boundary(const Each<T>& each) {
  return !each.data || (on_boundary(each.data) && each.stride * static_cast<long long>(sizeof(T)) % 16 == 0);
}
template <class... E>
bool by_vectors(int64_t width, const E&... each) {
  return width % 8 == 0 && (on_boundary(each) && ...);
}
inline Each<const float> weight_of(const float* data, long long stride) { return {data, stride}; }

// Partial sums of `columns` columns in the workspace, blocks of sum_rows rows one after the other. Throws Error with ERR_KERNEL if it is too small.
inline Each<float> partial_sums(const Workspace& workspace, int64_t padded, int64_t columns, int64_t replicas) {
  const int64_t needed = sums_workspace(padded, columns, replicas);
  if (workspace.floats < needed)
    throw Error("ERR_KERNEL", "a workspace of " + std::to_string(workspace.floats) + " floats where sums need " + std::to_string(needed));
  return {workspace.data, blocks_of(padded, sum_rows) * columns};
}

inline void finish(Device& device, const FinishSums& a, int64_t replicas) {
  device.launch(finish_sums, {as_grid(blocks_of(a.width, 32)), as_grid(replicas), 1, 256}, a);
}
inline Each<const float> read_only(const Each<float>& each) { return {each.data, each.stride}; }

// Which of a norm's kernels has rows of this width: n, of those that hold up to n * 256 columns of vectors, or 0, which has any rows.
inline int64_t held_by(int64_t width, bool vectors) {
  const int64_t held = blocks_of(width, 256);
  return vectors && held <= 4 ? held : 0;
}

}  // namespace lrdist::cuda
