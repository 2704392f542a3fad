// Hidden states of dataset rows behind frozen blocks, kept as long as the weights of those blocks.
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <memory>
#include <tuple>
#include <vector>

#include "bert.h"

namespace lrdist {

class PrefixClasses;

// A resident dataset with its handle.
struct DatasetRef {
  int64_t id;
  const Ragged& data;
};

// Whether a row has the same bits whatever the number of rows beside it. That hangs on the matrix products: a library may choose another
// order of addition for another number of rows. So each number is tried, with one row repeated, before it is relied on.
class RowBits {
 public:
  bool repeat(const Pass& pass, int64_t rows);

 private:
  std::map<int64_t, bool> known_;
};

class PrefixStore {
 public:
  // Of the dataset, the depth and the number of the class (prefix.h).
  using Key = std::tuple<int64_t, int64_t, int64_t>;

  // Of the batch's rows those that are not here, as indices into the batch.
  std::vector<int32_t> missing(const Key& key, const Batch& batch) const;
  // Keeps the batch's rows of its states, as far as there is room.
  void put(const Key& key, const Batch& batch, const HiddenStates& states, int64_t layers);
  // Row i of the batch; null if it is not here.
  const char* find(const Key& key, const Batch& batch, int64_t i) const;

  // Drops what belongs to no class any more.
  void keep_only(const PrefixClasses& classes);
  void remove_dataset(int64_t dataset);
  void clear();
  int64_t bytes() const { return bytes_; }

  RowBits row_bits;

 private:
  struct Entry {
    std::vector<const char*> rows;  // by dataset row
    std::vector<std::unique_ptr<char[]>> blocks;
    int64_t block_bytes = 0, used = 0;  // of the last block
    int64_t bytes = 0;
  };
  char* room(Entry& entry, int64_t size);
  template <class F>
  void drop_if(const F& unwanted);

  std::map<Key, Entry> entries_;
  int64_t bytes_ = 0, limit_ = -1;
};

// Bytes of row i of a batch in its hidden states, and where they begin.
struct RowBytes {
  int64_t begin, size;
};
RowBytes row_bytes(const Batch& batch, int64_t i, const HiddenStates& states, int64_t layers);

}  // namespace lrdist
