#include "prefix.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <cstring>
#include <set>

namespace lrdist {
namespace {

// Where block b begins in the arena; the one after the last: where it ends.
int64_t block_begin(const Layout& layout, int64_t block) {
  if (block == 0) return 0;
  const auto layers = static_cast<int64_t>(layout.layers.size());
  if (block <= layers) return layout.tensors[static_cast<size_t>(layout.layers[static_cast<size_t>(block - 1)].query)].offset;
  const TensorPlace& last = layout.tensors[static_cast<size_t>(layout.layers.back().norm2_bias)];
  return last.offset + last.size;
}

}  // namespace

void PrefixClasses::find(const Layout& layout, const float* weights, int64_t replicas) {
  if (!numbers_.empty()) return;
  std::vector<int64_t> above(static_cast<size_t>(replicas), 0);  // of the blocks so far
  for (int64_t block = 0; block <= layout.model.layers; ++block) {
    const int64_t begin = block_begin(layout, block), size = block_begin(layout, block + 1) - begin;
    const auto same = [&](int64_t a, int64_t b) { return std::memcmp(weights + a * layout.size + begin, weights + b * layout.size + begin, static_cast<size_t>(size) * 4) == 0; };
    std::vector<int64_t> numbers;
    for (int64_t k = 0; k < replicas; ++k) {
      int64_t j = 0;
      while (j < k && (above[static_cast<size_t>(j)] != above[static_cast<size_t>(k)] || !same(j, k))) ++j;
      numbers.push_back(j < k ? numbers[static_cast<size_t>(j)] : next_++);
    }
    numbers_.push_back(numbers);
    above = std::move(numbers);
  }
}

bool PrefixClasses::holds(int64_t depth, int64_t number) const {
  if (numbers_.empty()) return false;
  const std::vector<int64_t>& numbers = numbers_[static_cast<size_t>(depth - 1)];
  return std::find(numbers.begin(), numbers.end(), number) != numbers.end();
}

void PrefixClasses::detach(int64_t replica, int64_t depth) {
  for (size_t block = static_cast<size_t>(depth); block < numbers_.size(); ++block) numbers_[block][static_cast<size_t>(replica)] = next_++;
}

void PrefixClasses::rearrange(const std::vector<int32_t>& order) {
  for (std::vector<int64_t>& numbers : numbers_) {
    std::vector<int64_t> next;
    for (const int32_t k : order) next.push_back(numbers[static_cast<size_t>(k)]);
    numbers = std::move(next);
  }
}

SharedPrefix::SharedPrefix(const PrefixClasses& classes, const std::vector<int64_t>& ends, const std::vector<int64_t>& kept, PrefixStore* store) : store_(store) {
  std::map<std::pair<int64_t, int64_t>, int64_t> index;  // (depth, number) -> place
  const auto replicas = static_cast<int64_t>(ends.size());
  const auto add = [&](int64_t depth, int64_t replica) {
    if (depth > 0) index.emplace(std::pair{depth, classes.number(depth, replica)}, 0);
  };
  for (int64_t k = 0; k < replicas; ++k) {
    add(ends[k], k);
    add(kept[k], k);
    for (int64_t j = 0; j < k; ++j) {  // where the two part
      int64_t depth = std::min(ends[j], ends[k]);
      while (depth > 0 && classes.number(depth, j) != classes.number(depth, k)) --depth;
      add(depth, k);
    }
  }
  for (auto& [key, place] : index) {  // shallow ones first, so parents are known before their children
    place = static_cast<int64_t>(places_.size());
    places_.push_back({-1, key.first, key.second});
  }
  for (int64_t k = 0; k < replicas; ++k) {
    int64_t parent = -1;
    for (int64_t depth = 1; depth <= ends[k]; ++depth) {
      const auto found = index.find({depth, classes.number(depth, k)});
      if (found == index.end()) continue;
      Place& place = places_[static_cast<size_t>(found->second)];
      if (place.parent < 0 && parent >= 0) {
        place.parent = parent;
        ++places_[static_cast<size_t>(parent)].users;
      }
      place.kept = place.kept || depth == kept[k];
      parent = found->second;
    }
    if (parent >= 0) ++places_[static_cast<size_t>(parent)].users;
    place_of_.push_back(parent);
  }
}

HiddenStates SharedPrefix::take(const Pass& pass, const Batch& batch, size_t index, int64_t replica, const DatasetRef* dataset, std::vector<float>* first_states) {
  const int64_t place = place_of_[static_cast<size_t>(replica)];
  return place < 0 ? HiddenStates{} : at(place, pass, batch, static_cast<int64_t>(index), dataset, first_states);
}

int64_t SharedPrefix::bytes_per_token(const ModelSpec& model) const {
  int64_t waiting = 0;
  for (const Place& place : places_)
    if (place.users > 1 && place.depth <= model.layers) ++waiting;
  return waiting * model.hidden * 4;
}

// index -1: a part of a batch, of which nothing is remembered.
HiddenStates SharedPrefix::at(int64_t place, const Pass& pass, const Batch& batch, int64_t index, const DatasetRef* dataset, std::vector<float>* first_states) {
  const Place& p = places_[static_cast<size_t>(place)];
  const auto fresh = [&](std::vector<float>* first) {
    return store_ && p.kept && dataset ? look_up(place, pass, batch, index, *dataset) : compute(place, pass, batch, index, dataset, first);
  };
  if (index < 0) return fresh(nullptr);
  Node& node = states_[static_cast<size_t>(index)][static_cast<size_t>(place)];
  if (!node.states) node.states = fresh(first_states ? &node.first_states : nullptr);
  const HiddenStates result = *node.states;
  if (first_states) *first_states = node.first_states;
  if (++node.used >= p.users) node = {};
  return result;
}

HiddenStates SharedPrefix::compute(int64_t place, const Pass& pass, const Batch& batch, int64_t index, const DatasetRef* dataset, std::vector<float>* first_states) {
  const Place& p = places_[static_cast<size_t>(place)];
  const HiddenStates start = p.parent < 0 ? HiddenStates{} : at(p.parent, pass, batch, index, dataset, first_states);
  return encoder_prefix(pass, batch, start, p.depth - 1, first_states);
}

HiddenStates SharedPrefix::look_up(int64_t place, const Pass& pass, const Batch& batch, int64_t index, const DatasetRef& dataset) {
  const Place& p = places_[static_cast<size_t>(place)];
  const int64_t layers = pass.layout.model.layers, h = pass.layout.model.hidden;
  const PrefixStore::Key key{dataset.id, p.depth, p.number};
  const auto repeats = [&](const Batch& b) {
    return store_->row_bits.repeat(pass, b.padded()) && (p.depth <= layers || store_->row_bits.repeat(pass, b.wanted.padded()));
  };
  if (!repeats(batch)) return compute(place, pass, batch, index, &dataset, nullptr);
  const std::vector<int32_t> missing = store_->missing(key, batch);
  if (static_cast<int64_t>(missing.size()) == batch.rows()) {
    HiddenStates states = compute(place, pass, batch, index, &dataset, nullptr);
    store_->put(key, batch, states, layers);
    return states;
  }
  std::vector<int32_t> rows;
  for (const int32_t i : missing) rows.push_back(batch.dataset_row[static_cast<size_t>(i)]);
  const Batch part = make_batch(dataset.data, rows.data(), static_cast<int64_t>(rows.size()), 0);
  HiddenStates computed;
  if (!rows.empty()) {
    if (!repeats(part)) return compute(place, pass, batch, index, &dataset, nullptr);
    computed = compute(place, pass, part, -1, &dataset, nullptr);
    store_->put(key, part, computed, layers);
  }
  const bool all_tokens = p.depth <= layers;
  HiddenStates states{p.depth - 1, at::empty({all_tokens ? batch.padded() : batch.wanted.padded(), h})};
  char* out = static_cast<char*>(states.x.mutable_data_ptr());
  for (int64_t i = 0, next = 0; i < batch.rows(); ++i) {
    const RowBytes to = row_bytes(batch, i, states, layers);
    const char* from;
    if (next < static_cast<int64_t>(missing.size()) && missing[static_cast<size_t>(next)] == i)
      from = static_cast<const char*>(computed.x.const_data_ptr()) + row_bytes(part, next++, computed, layers).begin;
    else from = store_->find(key, batch, i);
    std::memcpy(out + to.begin, from, static_cast<size_t>(to.size));
  }
  const RowBytes last = row_bytes(batch, batch.rows() - 1, states, layers);
  std::memset(out + last.begin + last.size, 0, states.x.nbytes() - static_cast<size_t>(last.begin + last.size));
  return states;
}

}  // namespace lrdist
