#include "shards.h"

namespace lrdist::cuda {
namespace {

int64_t length_of(const Ragged& data, int32_t row) { return data.offsets[static_cast<size_t>(row) + 1] - data.offsets[static_cast<size_t>(row)]; }

int64_t tokens_of(const Ragged& data, const int32_t* rows, int64_t count) {
  int64_t tokens = 0;
  for (int64_t i = 0; i < count; ++i) tokens += length_of(data, rows[i]);
  return tokens;
}

int64_t first_wanted(const Batch& batch) {
  int64_t row = 0;
  while (batch.wanted.cu[static_cast<size_t>(row) + 1] == 0) ++row;
  return row;
}

}  // namespace

std::pair<int64_t, int64_t> shard_of(const Ragged& data, const int32_t* rows, int64_t count, const Rank& rank) {
  const int64_t total = tokens_of(data, rows, count);
  std::pair<int64_t, int64_t> shard{count, count};
  int64_t before = 0;
  for (int64_t i = 0; i < count; ++i) {
    // A row belongs to the rank in whose part of the tokens its middle lies.
    const int64_t length = length_of(data, rows[i]);
    const int64_t owner = total == 0 ? 0 : (2 * before + length) * rank.size() / (2 * total);
    before += length;
    if (owner < rank.index) continue;
    if (owner > rank.index) {
      shard.second = i;
      if (shard.first == count) shard.first = i;
      break;
    }
    if (shard.first == count) shard.first = i;
  }
  return shard;
}

Share share_of(const Ragged& data, const int32_t* rows, int64_t count, int64_t first_slot, const Rank& rank, const std::function<void(Batch&)>& mask) {
  const auto batch_of = [&](int64_t begin, int64_t end) {
    Batch batch = make_batch(data, rows + begin, end - begin, first_slot + begin);
    if (mask) mask(batch);
    return batch;
  };
  if (rank.size() == 1) {
    Batch whole = batch_of(0, count);
    const int64_t tokens = whole.tokens();
    const bool learns = whole.wanted.count() > 0;
    return {std::move(whole), 1, tokens, learns};
  }
  const auto [begin, end] = shard_of(data, rows, count, rank);
  Share share{batch_of(begin, end), 1, tokens_of(data, rows, count), true};
  const int64_t own = share.batch.wanted.count();
  if (!mask) {
    share.weight = static_cast<double>(own) / static_cast<double>(count);
    if (own == 0) share.batch = batch_of(0, 1);
    return share;
  }
  const Batch whole = batch_of(0, count);
  const int64_t wanted = whole.wanted.count();
  share.learns = wanted > 0;
  if (!share.learns) return share;
  share.weight = static_cast<double>(own) / static_cast<double>(wanted);
  if (own == 0) {
    const int64_t row = first_wanted(whole);
    share.batch = batch_of(row, row + 1);
  }
  return share;
}

}  // namespace lrdist::cuda
