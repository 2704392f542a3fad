// A packed batch as the device reads it: one run of 32-bit numbers, laid out by its bucket. A segment's records lie on the device; each step copies the
// next one to the place that the graphs know.
#pragma once

#include <vector>

#include "bucket.h"

namespace lrdist::cuda {

// Where each array of a record begins, in numbers of 32 bits, and how long the record is.
struct RecordLayout {
  explicit RecordLayout(const Bucket& bucket);

  static constexpr int tokens = 0, wanted = 1, rows = 2, words = 3, weight = 4;  // counts, and the batch's weight (a double)
  int ids, types, position, slot;                             // [tokens]
  int dataset_token;                                          // [tokens]: place in the dataset
  int cu;                                                     // [rows + 1], the last offset repeated
  int wanted_token, wanted_position, wanted_slot, wanted_cu;  // [wanted], the last [rows + 1]
  int labels, dataset_row;                                    // [rows], labels as floats
  int targets;                                                // [wanted], masked-lm
  int word, word_start, word_token;                           // word ids of the batch [words], their runs [words + 1] in the tokens ordered by id [tokens]
  int size;
};

// Appends the record of a batch of rows of the data. Places beyond the batch's sizes are zero.
void append_record(std::vector<int32_t>& to, const Batch& batch, const Ragged& data, const Bucket& bucket, double weight);

}  // namespace lrdist::cuda
