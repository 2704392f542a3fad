#include "chunk_list.h"

#include <algorithm>

namespace lrdist::cuda {
namespace {

// Whole rows of the word embedding, so that what is known of a row is known by one block.
int64_t length_of(const Layout& layout, int32_t tensor) {
  if (tensor != layout.word) return chunk_length;
  const int64_t width = layout.model.hidden;
  return width * std::clamp<int64_t>(chunk_length / width, 1, chunk_rows);
}

}  // namespace

ChunkList::ChunkList(Device& device, const Layout& layout, const std::vector<uint8_t>& tensors) {
  std::vector<Chunk> chunks;
  starts_.push_back(0);
  for (int32_t t = 0; t < layout.count(); ++t) {
    const TensorPlace& place = layout.tensors[static_cast<size_t>(t)];
    const int64_t length = length_of(layout, t);
    if (tensors.empty() || tensors[static_cast<size_t>(t)]) {
      for (int64_t begin = 0; begin < place.size; begin += length)
        chunks.push_back({place.offset + begin, static_cast<int>(std::min(length, place.size - begin)), t});
    }
    starts_.push_back(static_cast<int>(chunks.size()));
  }
  if (!chunks.empty()) chunks_ = uploaded(device, chunks);
}

}  // namespace lrdist::cuda
