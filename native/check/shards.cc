// How a batch's rows are divided among the ranks of a group.
#include <algorithm>
#include <numeric>
#include <stdexcept>

#include "check.h"
#include "core/cuda/shards.h"

namespace lrdist::check {
namespace {

using namespace cuda;

void expect(bool holds, const char* what) {
  if (!holds) throw std::runtime_error(what);
}

Ragged data_of(const std::vector<int>& lengths) {
  Ragged data;
  data.offsets = {0};
  for (const int length : lengths) {
    for (int i = 0; i < length; ++i) data.ids.push_back(5 + (i * 13 + length) % 50);
    data.offsets.push_back(static_cast<int32_t>(data.ids.size()));
    data.labels.push_back(static_cast<float>(length));
  }
  data.types.assign(data.ids.size(), 0);
  return data;
}

Rank rank_of(const std::shared_ptr<Group>& group, int index) { return {group, index}; }

std::vector<int> lengths_of(uint64_t seed) {
  const std::vector<float> draws = random_floats(1 + seed % 37, seed, 20);
  std::vector<int> lengths;
  for (const float draw : draws) lengths.push_back(1 + std::abs(static_cast<int>(draw)));
  if (seed % 5 == 0) lengths.back() = 500;  // one row with most of the tokens
  return lengths;
}

}  // namespace

LRDIST_CHECK(shards_are_parts) {
  const std::atomic<bool> stop = false;
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    const Ragged data = data_of(lengths_of(seed));
    std::vector<int32_t> rows(static_cast<size_t>(data.rows()));
    std::iota(rows.begin(), rows.end(), 0);
    const auto count = static_cast<int64_t>(rows.size());
    const int size = 1 + static_cast<int>(seed % 5);
    const auto group = std::make_shared<Group>(size, stop);
    int64_t next = 0, longest = 0;
    for (int64_t i = 0; i < count; ++i) longest = std::max<int64_t>(longest, data.offsets[static_cast<size_t>(i) + 1] - data.offsets[static_cast<size_t>(i)]);
    const auto total = static_cast<int64_t>(data.ids.size());
    for (int r = 0; r < size; ++r) {
      const auto [begin, end] = shard_of(data, rows.data(), count, rank_of(group, r));
      if (begin == end) continue;
      expect(begin == next, "shards that overlap or leave rows out");
      next = end;
      const int64_t tokens = data.offsets[static_cast<size_t>(end)] - data.offsets[static_cast<size_t>(begin)];
      expect(tokens <= total / size + longest + 1, "a shard much larger than the others");
    }
    expect(next == count, "rows that no shard has");
  }
}

// Every row counts once, with its share of the mean; masks are those of the whole batch.
LRDIST_CHECK(shares_make_the_mean) {
  const std::atomic<bool> stop = false;
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    const Ragged data = data_of(lengths_of(seed));
    std::vector<int32_t> rows(static_cast<size_t>(data.rows()));
    std::iota(rows.rbegin(), rows.rend(), 0);
    const auto count = static_cast<int64_t>(rows.size());
    const bool masked = seed % 2 == 0;
    // Few are masked, so that shards without one occur.
    std::function<void(Batch&)> mask;
    if (masked) mask = [&](Batch& batch) { mask_tokens(batch, {0.02, 3, {}}, 60, seed, 4); };
    const auto group = std::make_shared<Group>(3, stop);
    const Share whole = share_of(data, rows.data(), count, 7, Rank{}, mask);
    double weight = 0;
    std::vector<int32_t> slots, ids;
    for (int r = 0; r < 3; ++r) {
      const Share share = share_of(data, rows.data(), count, 7, rank_of(group, r), mask);
      expect(share.tokens == whole.tokens && share.learns == whole.learns, "ranks that know different batches");
      if (!share.learns) continue;
      expect(share.batch.wanted.count() > 0, "a rank with nothing to run");
      weight += share.weight;
      if (share.weight == 0) continue;
      expect(std::abs(share.weight * static_cast<double>(whole.batch.wanted.count()) - static_cast<double>(share.batch.wanted.count())) < 1e-9, "a wrong weight");
      slots.insert(slots.end(), share.batch.wanted.slot.begin(), share.batch.wanted.slot.end());
      for (const int32_t token : share.batch.wanted.token) ids.push_back(share.batch.ids[static_cast<size_t>(token)]);
    }
    if (!whole.learns) continue;
    expect(std::abs(weight - 1) < 1e-12, "weights that do not add up");
    std::vector<int32_t> expected;
    for (const int32_t token : whole.batch.wanted.token) expected.push_back(whole.batch.ids[static_cast<size_t>(token)]);
    expect(slots == whole.batch.wanted.slot && ids == expected, "other tokens than the batch's");
  }
}

}  // namespace lrdist::check
