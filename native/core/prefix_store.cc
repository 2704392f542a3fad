#include "prefix_store.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <cstring>
#include <random>

#include "prefix.h"
#include "state.h"

namespace lrdist {
namespace {

constexpr int64_t smallest_block = 1 << 18, largest_block = 1 << 24;

// One row of noise, repeated.
at::Tensor repeated_noise(int64_t rows, int64_t width) {
  const at::Tensor x = at::empty({rows, width});
  float* p = x.mutable_data_ptr<float>();
  std::minstd_rand noise(1);
  std::uniform_real_distribution<float> between(-1, 1);
  for (int64_t j = 0; j < width; ++j) p[j] = between(noise);
  for (int64_t i = 1; i < rows; ++i) std::copy_n(p, width, p + i * width);
  return x;
}

bool product_repeats(const Pass& pass, int64_t rows, int32_t weight, int64_t n, int64_t k) {
  constexpr int64_t few = 64;
  const at::Tensor w = pass.factor(weight, n, k);
  const auto product = [&](int64_t m) { return pass.product.forward(repeated_noise(m, k).to(w.scalar_type()), w); };
  const at::Tensor one = product(few), many = product(rows);
  const auto* expected = static_cast<const char*>(one.const_data_ptr());
  const auto* actual = static_cast<const char*>(many.const_data_ptr());
  const size_t bytes = one.nbytes() / few;
  for (int64_t i = 0; i < rows; ++i)
    if (std::memcmp(actual + static_cast<size_t>(i) * bytes, expected, bytes) != 0) return false;
  return true;
}

}  // namespace

bool RowBits::repeat(const Pass& pass, int64_t rows) {
  const auto known = known_.find(rows);
  if (known != known_.end()) return known->second;
  const LayerTensors& t = pass.layout.layers.front();
  const int64_t h = pass.layout.model.hidden, intermediate = pass.layout.model.intermediate;
  bool repeats = product_repeats(pass, rows, t.output, h, h) && product_repeats(pass, rows, t.up, intermediate, h) && product_repeats(pass, rows, t.down, h, intermediate);
  if (pass.layout.fused_qkv()) repeats = repeats && product_repeats(pass, rows, t.query, 3 * h, h) && product_repeats(pass, rows, t.key, 2 * h, h);
  known_[rows] = repeats;
  return repeats;
}

RowBytes row_bytes(const Batch& batch, int64_t i, const HiddenStates& states, int64_t layers) {
  const int64_t width = states.x.size(1) * static_cast<int64_t>(states.x.element_size());
  const std::vector<int32_t>& cu = states.layer == layers ? batch.wanted.cu : batch.cu;
  return {cu[static_cast<size_t>(i)] * width, (cu[static_cast<size_t>(i + 1)] - cu[static_cast<size_t>(i)]) * width};
}

std::vector<int32_t> PrefixStore::missing(const Key& key, const Batch& batch) const {
  std::vector<int32_t> rows;
  for (int64_t i = 0; i < batch.rows(); ++i)
    if (!find(key, batch, i)) rows.push_back(static_cast<int32_t>(i));
  return rows;
}

const char* PrefixStore::find(const Key& key, const Batch& batch, int64_t i) const {
  const auto entry = entries_.find(key);
  if (entry == entries_.end()) return nullptr;
  const auto row = static_cast<size_t>(batch.dataset_row[static_cast<size_t>(i)]);
  return row < entry->second.rows.size() ? entry->second.rows[row] : nullptr;
}

void PrefixStore::put(const Key& key, const Batch& batch, const HiddenStates& states, int64_t layers) {
  Entry& entry = entries_[key];
  for (int64_t i = 0; i < batch.rows(); ++i) {
    const auto row = static_cast<size_t>(batch.dataset_row[static_cast<size_t>(i)]);
    if (row >= entry.rows.size()) entry.rows.resize(row + 1, nullptr);
    if (entry.rows[row]) continue;  // the batch has it twice
    const RowBytes from = row_bytes(batch, i, states, layers);
    char* to = room(entry, from.size);
    if (!to) return;
    std::memcpy(to, static_cast<const char*>(states.x.const_data_ptr()) + from.begin, static_cast<size_t>(from.size));
    entry.rows[row] = to;
  }
}

// Nothing is thrown out for a newcomer: rows come round once an epoch, so the oldest is the next to be asked for.
char* PrefixStore::room(Entry& entry, int64_t size) {
  if (entry.blocks.empty() || entry.used + size > entry.block_bytes) {
    if (limit_ < 0) limit_ = std::max<int64_t>(available_memory() / 4, 0);
    const int64_t block = std::max(size, std::clamp(entry.block_bytes * 2, smallest_block, largest_block));
    if (bytes_ + block > limit_) return nullptr;
    entry.blocks.emplace_back(new char[static_cast<size_t>(block)]);
    entry.block_bytes = block;
    entry.used = 0;
    entry.bytes += block;
    bytes_ += block;
  }
  char* place = entry.blocks.back().get() + entry.used;
  entry.used += size;
  return place;
}

template <class F>
void PrefixStore::drop_if(const F& unwanted) {
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    if (!unwanted(entry->first)) {
      ++entry;
      continue;
    }
    bytes_ -= entry->second.bytes;
    entry = entries_.erase(entry);
  }
  if (entries_.empty()) limit_ = -1;  // the memory of the next rows may be more or less
}

void PrefixStore::keep_only(const PrefixClasses& classes) {
  drop_if([&](const Key& key) { return !classes.holds(std::get<1>(key), std::get<2>(key)); });
}

void PrefixStore::remove_dataset(int64_t dataset) {
  drop_if([&](const Key& key) { return std::get<0>(key) == dataset; });
}

void PrefixStore::clear() {
  drop_if([](const Key&) { return true; });
}

}  // namespace lrdist
