// What happens to gradients (and, for Mixout, to weights) besides the optimizer's step; core/penalties.h has the formulas. Every replica has rules of its own.
#pragma once

#include "chunk.h"

namespace lrdist::cuda {

enum PenaltyRule : int { pull_none, pull_l2_sp, pull_ewc, pull_recadam };
enum TransformRule : int { transform_none, transform_mixout, transform_child_free, transform_child_fisher };

struct ReplicaRules {
  int penalty, transform;
  float strength, head_strength;          // L2-SP and EWC, on tensors with an anchor and without
  const float *anchor, *fisher;           // the replica's rows of the slots
  double slope, midpoint, constant;      // RecAdam
  const float *mix_anchor, *mask_fisher;
  unsigned threshold, key0, key1, site;   // the transform's draws
  float scale;
};

// g := Mixout's columns of g, + the pull's gradient; partials[k][chunk] = its sum of squares. Tensors that replica k does not learn count 0 and stay as they are.
struct AddPenaltyArguments {
  Chunks chunks;
  WordState word;
  const double* rates;         // [replicas][tensors], 0: frozen
  const int* alive;            // [replicas]
  const ReplicaRules* rules;   // [replicas] or null
  const unsigned short* numbers;
  const float* weights;
  float* gradients;
  long long stride;            // of both
  double* partials;
};
inline constexpr Kernel<AddPenaltyArguments> add_penalty_kernel{"add_penalty_kernel"};

// Mixout's random numbers of this step, one for each column of each mixed tensor; they serve all replicas.
struct DrawColumnsArguments {
  const TensorFacts* tensors;
  unsigned key0, key1, site;
  const unsigned* step;
  unsigned short* numbers;
};
inline constexpr Kernel<DrawColumnsArguments> draw_columns_kernel{"draw_columns_kernel"};

// out = the weights for the passes of this step: mixed where a replica's rules say so, its own elsewhere. low: the same in bf16, from element low_begin on.
struct MixArguments {
  Chunks chunks;
  const ReplicaRules* rules;
  const unsigned short* numbers;
  const float* weights;
  float* out;
  long long stride;  // of both
  bfloat* low;       // or null
  long long low_begin, low_stride;
};
inline constexpr Kernel<MixArguments> mix_kernel{"mix_kernel"};

// A pulled row of the word embedding has a gradient from now on, unless it lies at its anchor and nothing else moves it, or all of its Fisher information is 0.
// Its moments are cleared. One block for each row.
struct MarkPulledRowsArguments {
  const ReplicaRules* rules;
  const TensorFacts* tensors;
  int tensor, tensor_count;
  const double *rates, *decay;  // [replicas][tensors]
  const float* weights;
  float *first, *second;
  long long stride;
  unsigned char* touched;
  int vocab, width;
};
inline constexpr Kernel<MarkPulledRowsArguments> mark_pulled_rows_kernel{"mark_pulled_rows_kernel"};

// The value above which the largest `kept` of these chunks' Fisher information lie, four bits of it in each of eight rounds: blocks count their
// chunk's values by their next bits, then one block for each replica picks.
inline constexpr int selection_rounds = 8, selection_digits = 16;
struct SelectionArguments {
  Chunks chunks;
  const ReplicaRules* rules;
  const long long* kept;  // [replicas]
  int* counts;            // [replicas][chunks][digits]
  unsigned* prefix;       // [replicas]: the bits picked so far
  long long* rank;        // [replicas]: of the value among those with these bits
  float* thresholds;      // [replicas], after the last round
  int round;
};
inline constexpr Kernel<SelectionArguments> count_fisher_kernel{"count_fisher_kernel"};
inline constexpr Kernel<SelectionArguments> pick_fisher_kernel{"pick_fisher_kernel"};

}  // namespace lrdist::cuda
