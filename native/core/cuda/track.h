// Replicas whose steps go through the device together. All of them are one track; or two halves are, so that the update of one, which memory bounds, runs
// beside the passes of the other, which arithmetic bounds; or those with the same dropout are.
#pragma once

#include "../../kernels/cuda/tape.h"
#include "array.h"
#include "update.h"

namespace lrdist::cuda {

struct Track {
  Track(Device& device, int64_t first_replica, int64_t replicas, int64_t lowest_with_dropout, int64_t vocab)
      : first(first_replica), count(replicas), dropout_from(lowest_with_dropout), update(device), stamp(device, vocab), cursor(device, 1) {}

  const int64_t first, count;  // replicas
  const int64_t dropout_from;  // lowest layer with dropout, -1 the embeddings
  Update update;
  Array<unsigned> stamp;       // [V]: the words of the step whose update may still be under way
  Array<Cursor> cursor;        // of the updates
};

}  // namespace lrdist::cuda
