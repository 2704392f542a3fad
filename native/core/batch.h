// A packed batch: the tokens of some rows, one after the other, without padding between them.
#pragma once

#include <cstdint>
#include <vector>

#include "engine.h"

namespace lrdist {

// Some tokens of a batch, in packed order: those that the head needs from the last layer.
struct Selection {
  std::vector<int32_t> token;           // index into the batch
  std::vector<int32_t> position, slot;  // of these tokens
  std::vector<int32_t> cu;              // [rows + 1]: the selected tokens of row r are cu[r] .. cu[r + 1]
  int64_t count() const { return static_cast<int64_t>(token.size()); }
  int64_t padded() const { return (count() + 15) / 16 * 16; }
};

struct Batch {
  std::vector<int32_t> ids, types, position, slot;  // [tokens]
  std::vector<int32_t> cu;                          // [rows + 1]
  std::vector<float> labels;                        // [rows]
  std::vector<int32_t> dataset_row;                 // [rows]
  Selection wanted;
  std::vector<int32_t> targets;  // masked-lm: the original id of each wanted token

  int64_t rows() const { return static_cast<int64_t>(cu.size()) - 1; }
  int64_t tokens() const { return static_cast<int64_t>(ids.size()); }
  // Matrix libraries pay a set-up for every new shape, so tokens are rounded up with zero rows.
  int64_t padded() const { return (tokens() + 63) / 64 * 64; }
};

// Rows rows[0 .. count) of the data; row i has slot slots[i] (null: first_slot + i). Wanted: the first token of each row.
Batch make_batch(const Ragged& data, const int32_t* rows, int64_t count, int64_t first_slot, const int32_t* slots = nullptr);

// Cuts rows, in their order, into batches: [0, ..., rows]. Each but the last has that many tokens at least, and no row more than that takes.
std::vector<int64_t> cuts_by_tokens(const Ragged& data, const std::vector<int32_t>& rows, int64_t tokens);

// Masks tokens by a Philox draw of (seed, step, slot, position) and makes the masked ones the wanted ones.
void mask_tokens(Batch& batch, const Masking& masking, int64_t vocab, uint64_t seed, int64_t step);

}  // namespace lrdist
