// The chunks of some tensors, in the device's memory.
#pragma once

#include <vector>

#include "../layout.h"
#include "array.h"
#include "../../kernels/cuda/chunk.h"

namespace lrdist::cuda {

class ChunkList {
 public:
  // tensors [T]: which ones; empty: all. Uploads; not in graphs.
  ChunkList(Device& device, const Layout& layout, const std::vector<uint8_t>& tensors);

  const Chunk* chunks() const { return chunks_.data(); }
  int count() const { return starts_.back(); }
  // First chunk of each tensor, [T + 1].
  const std::vector<int>& starts() const { return starts_; }
  int64_t bytes() const { return chunks_.bytes(); }

 private:
  Array<Chunk> chunks_;
  std::vector<int> starts_;
};

}  // namespace lrdist::cuda
