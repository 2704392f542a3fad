// The embeddings: lookup with norm and dropout, and the gradients of the three tables from the gradient d of the sum of their rows.
#pragma once

#include "kernel.h"

namespace lrdist::cuda {

// y = dropout(norm(word[id] + position[pos] + type[t])); y_low = y rounded; y_low, xhat and rstd may be null. Rows of y and y_low from *count to
// padded are zero.
struct Embed {
  const int *ids, *types;  // of the tokens
  Rows rows;
  int width;
  const float *word, *position, *type, *gamma, *beta;  // of replica 0
  long long weights;                                   // distance of two replicas' weights
  float eps;
  Dropout dropout;
  Each<float> y;
  Each<bfloat> y_low;
  Each<float> xhat, rstd;
  bool vectors;  // set by the launcher: everything lies at 16-byte boundaries
};

// What a row of the word table holds before its tokens are added.
enum class WordRowState {
  empty,    // nothing of this step
  stamped,  // this step's gradient if its stamp says so, else nothing
  full,     // this step's gradient: the tied decoder wrote the whole table
};

// The tokens of each row that occurs: row unique[u] sums d at tokens order[starts[u]] .. order[starts[u + 1] - 1], in that order. stamp[row] becomes
// *step + 1, which says that the row has a gradient of this step (0: never had one).
struct WordGradient {
  const int* count;   // of unique rows
  int rows_at_most;   // what *count may be
  const int *unique, *starts, *order;
  int width;
  Each<const float> d;  // [tokens][width]
  Each<float> table;    // [vocab][width]
  WordRowState before;
  unsigned* stamp;  // [vocab], shared by the replicas
  const unsigned* step;
  bool vectors;
};

// Zeros in the rows of a word table that have no gradient of this step, so that the whole table may be added to.
struct ClearUnstamped {
  Each<float> table;
  int rows, width;
  const unsigned *stamp, *step;
  bool vectors;
};

// Row p sums d at the token of position p of each sequence, in the order of the sequences; rows without one become 0, or stay if `accumulate`.
struct PositionGradient {
  const int* cu;  // [sequences + 1]: tokens of sequence s are cu[s] .. cu[s + 1] - 1
  int sequences;  // empty ones at the end do no harm
  int positions;  // rows of the table
  int width;
  Each<const float> d;
  Each<float> table;
  bool accumulate;
  bool vectors;
};

// Row t sums d at the tokens of type t.
struct TypeGradient {
  const int* types;  // of the tokens
  const int* count;
  int padded;
  int rows;  // of the table
  int width;
  Each<const float> d;
  Each<float> partial;  // workspace, set by the launcher
  bool vectors;
};

// By width, as norm.h's.
constexpr Kernel<Embed> embed_any{"embed_any"}, embed_1{"embed_1"}, embed_2{"embed_2"}, embed_3{"embed_3"}, embed_4{"embed_4"};
constexpr Kernel<WordGradient> sum_word_rows{"sum_word_rows"}, stamp_word_rows{"stamp_word_rows"};
constexpr Kernel<ClearUnstamped> clear_unstamped_rows{"clear_unstamped_rows"};
constexpr Kernel<PositionGradient> sum_positions{"sum_positions"};
constexpr Kernel<TypeGradient> sum_types{"sum_types"};

}  // namespace lrdist::cuda
