// Upper bounds of a batch's sizes. A recorded graph serves every batch of its bucket: few buckets mean few graphs, narrow ones little waste.
#pragma once

#include <compare>
#include <cstdint>

#include "../batch.h"

namespace lrdist::cuda {

struct Bucket {
  int tokens = 0;  // a multiple of 64, at most an eighth above the batch's
  int rows = 0;    // a multiple of 16
  int wanted = 0;  // tokens that the head needs from the last layer
  int length = 0;  // longest sequence: a power of two, 64 at least
  auto operator<=>(const Bucket&) const = default;
};

Bucket bucket_of(const Batch& batch);

// The bucket that holds the batches of both.
Bucket larger(const Bucket& a, const Bucket& b);

}  // namespace lrdist::cuda
