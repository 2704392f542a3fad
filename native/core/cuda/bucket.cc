#include "bucket.h"

#include <algorithm>
#include <bit>

namespace lrdist::cuda {
namespace {

int round_up(int64_t n, int64_t step) { return static_cast<int>((n + step - 1) / step * step); }

// Steps of an eighth of the power of two below, 64 at least.
int size_class(int64_t n) {
  const auto power = static_cast<int64_t>(std::bit_floor(static_cast<uint64_t>(std::max<int64_t>(n, 1))));
  return std::max(64, round_up(n, std::max<int64_t>(64, power / 8)));
}

}  // namespace

Bucket bucket_of(const Batch& batch) {
  int64_t longest = 1;
  for (int64_t r = 0; r < batch.rows(); ++r) longest = std::max<int64_t>(longest, batch.cu[r + 1] - batch.cu[r]);
  Bucket b;
  b.tokens = size_class(batch.tokens());
  b.rows = round_up(std::max<int64_t>(batch.rows(), 1), 16);
  // One wanted token for each row follows the rows; masked tokens are a share of all.
  b.wanted = batch.wanted.count() == batch.rows() ? b.rows : size_class(batch.wanted.count());
  b.length = static_cast<int>(std::max<uint64_t>(64, std::bit_ceil(static_cast<uint64_t>(longest))));
  return b;
}

Bucket larger(const Bucket& a, const Bucket& b) {
  return {std::max(a.tokens, b.tokens), std::max(a.rows, b.rows), std::max(a.wanted, b.wanted), std::max(a.length, b.length)};
}

}  // namespace lrdist::cuda
