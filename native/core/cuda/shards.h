// A batch's rows among the ranks of a group.
#pragma once

#include <functional>
#include <utility>

#include "../batch.h"
#include "group.h"

namespace lrdist::cuda {

// Some of the rows [0, count): neighbours, and with about as many tokens as every other rank's. May be empty. Together the ranks have all rows.
std::pair<int64_t, int64_t> shard_of(const Ragged& data, const int32_t* rows, int64_t count, const Rank& rank);

// What a rank does of a batch.
struct Share {
  Batch batch;
  double weight;   // of its mean loss in that of all rows
  int64_t tokens;  // of all rows
  bool learns;     // whether any rank has something to learn from
};

// Rows rows[0 .. count), of which row i has slot first_slot + i. `mask` chooses the wanted tokens of a batch, if they are not the first of each row.
// Every rank has a pass to run, so that all write the same gradients: one whose rows have no wanted token takes another row that has, with weight 0.
Share share_of(const Ragged& data, const int32_t* rows, int64_t count, int64_t first_slot, const Rank& rank, const std::function<void(Batch&)>& mask);

}  // namespace lrdist::cuda
