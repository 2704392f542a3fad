#include "record.h"

#include <algorithm>
#include <cstring>
#include <numeric>

namespace lrdist::cuda {

RecordLayout::RecordLayout(const Bucket& b) {
  int at = 8;
  const auto place = [&](int n) {
    const int begin = at;
    at += (n + 3) / 4 * 4;  // 16-byte boundaries
    return begin;
  };
  ids = place(b.tokens);
  types = place(b.tokens);
  position = place(b.tokens);
  slot = place(b.tokens);
  dataset_token = place(b.tokens);
  cu = place(b.rows + 1);
  wanted_token = place(b.wanted);
  wanted_position = place(b.wanted);
  wanted_slot = place(b.wanted);
  wanted_cu = place(b.rows + 1);
  labels = place(b.rows);
  dataset_row = place(b.rows);
  targets = place(b.wanted);
  word = place(b.tokens);
  word_start = place(b.tokens + 1);
  word_token = place(b.tokens);
  size = at;
}

void append_record(std::vector<int32_t>& to, const Batch& batch, const Ragged& data, const Bucket& bucket, double weight) {
  const RecordLayout layout(bucket);
  const size_t begin = to.size();
  to.resize(begin + static_cast<size_t>(layout.size), 0);
  int32_t* record = to.data() + begin;
  const auto put = [&](int place, const std::vector<int32_t>& values) { std::copy(values.begin(), values.end(), record + place); };
  const auto put_offsets = [&](int place, const std::vector<int32_t>& cu) {
    put(place, cu);
    std::fill(record + place + cu.size(), record + place + bucket.rows + 1, cu.back());
  };

  record[RecordLayout::tokens] = static_cast<int32_t>(batch.tokens());
  record[RecordLayout::wanted] = static_cast<int32_t>(batch.wanted.count());
  record[RecordLayout::rows] = static_cast<int32_t>(batch.rows());
  std::memcpy(record + RecordLayout::weight, &weight, sizeof weight);
  put(layout.ids, batch.ids);
  put(layout.types, batch.types);
  put(layout.position, batch.position);
  put(layout.slot, batch.slot);
  for (int64_t r = 0; r < batch.rows(); ++r)
    std::iota(record + layout.dataset_token + batch.cu[static_cast<size_t>(r)], record + layout.dataset_token + batch.cu[static_cast<size_t>(r) + 1],
              data.offsets[static_cast<size_t>(batch.dataset_row[static_cast<size_t>(r)])]);
  put_offsets(layout.cu, batch.cu);
  put(layout.wanted_token, batch.wanted.token);
  put(layout.wanted_position, batch.wanted.position);
  put(layout.wanted_slot, batch.wanted.slot);
  put_offsets(layout.wanted_cu, batch.wanted.cu);
  std::memcpy(record + layout.labels, batch.labels.data(), batch.labels.size() * sizeof(float));
  put(layout.dataset_row, batch.dataset_row);
  put(layout.targets, batch.targets);

  // Tokens ordered by word, those of one word in packed order: the order in which their gradients are added.
  int32_t* order = record + layout.word_token;
  const auto count = static_cast<int32_t>(batch.tokens());
  std::iota(order, order + count, 0);
  std::stable_sort(order, order + count, [&](int32_t a, int32_t b) { return batch.ids[static_cast<size_t>(a)] < batch.ids[static_cast<size_t>(b)]; });
  int32_t words = 0;
  for (int32_t i = 0; i < count; ++i) {
    const int32_t id = batch.ids[static_cast<size_t>(order[i])];
    if (i > 0 && id == record[layout.word + words - 1]) continue;
    record[layout.word + words] = id;
    record[layout.word_start + words++] = i;
  }
  record[layout.word_start + words] = count;
  record[RecordLayout::words] = words;
}

}  // namespace lrdist::cuda
