// Adam and AdamW for all replicas at once, and what decides about a step: norm, clipping, whether a replica is finite. All of it on the device.
#pragma once

#include "penalty.h"

namespace lrdist::cuda {

// What stays the same for a segment, in the device's memory, so that a graph serves more than one.
struct UpdateSettings {
  double beta1, beta2, clip_norm;  // clip_norm 0: none
  float eps, beta2_f, new1, new2;  // new: 1 - beta, taken in double
  long long steps;                 // of the segment
  long long stage_step;            // of its first step, counted from 1
  int groups;                      // factors for each step: 0: one, else this many
  int decoupled;
};

// What a tensor of a replica does in this step.
struct Coefficients {
  float lr, step_size, bias2_sqrt, decay;
  float pull;  // RecAdam
  int on;
};

struct UpdateResults {
  float *losses, *grad_norms;  // [replicas][steps], strides below; NaN for a replica that is not finite
  long long replica_stride, step_stride;
  int* non_finite;             // [replicas]: step of the segment, -1: finite
};

// At a segment's begin: non_finite[k] = alive[k] ? -1 : 0. One thread for each replica.
struct BeginUpdatesArguments {
  const int* alive;
  int* non_finite;
  int replicas;
};
inline constexpr Kernel<BeginUpdatesArguments> begin_updates_kernel{"begin_updates_kernel"};

// After the penalties: one block for each replica adds the partial sums of squares, clips, looks whether loss and norm are finite, and writes the results
// and the coefficients of each tensor; step counts go up where it will be updated.
struct DecideUpdateArguments {
  const UpdateSettings* settings;
  const ReplicaRules* rules;           // or null
  const TensorFacts* tensors;
  const unsigned char* written;        // [tensors]: by this step's passes
  const double *rates, *decay;         // [replicas][tensors]
  const double* factors;               // [replicas][steps][groups or 1]
  const double* partials;              // [replicas][chunks]
  const double* step_loss;             // [replicas]
  const unsigned* segment_step;
  int chunks, tensor_count;
  int* alive;                          // [replicas]
  int* steps;                          // [replicas][tensors]
  float* clip;                         // [replicas]
  Coefficients* coefficients;          // [replicas][tensors]
  UpdateResults results;
};
inline constexpr Kernel<DecideUpdateArguments> decide_update_kernel{"decide_update_kernel"};

// One block for each chunk of each replica. Child-Tuning's masks, the update, RecAdam's pull; rows of the word embedding that never had a gradient only decay.
struct AdamArguments {
  Chunks chunks;
  WordState word;
  const UpdateSettings* settings;
  const ReplicaRules* rules;           // or null
  const float* thresholds;             // [replicas], for Child-Tuning by Fisher information
  const float* clip;                   // [replicas]
  const Coefficients* coefficients;    // [replicas][tensors]
  float *weights, *first, *second, *gradients;  // a mask is written to the gradients too
  long long stride;                    // of the four
  bfloat* low;                         // or null: element i of replica k also to low[k * low_stride + i - low_begin], from low_begin on
  long long low_begin, low_stride;
};
inline constexpr Kernel<AdamArguments> adam_kernel{"adam_kernel"};

// sum += scale * g^2, or scale * g; rows of the word embedding without gradient are left out.
struct GatherArguments {
  Chunks chunks;
  WordState word;
  const float* gradients;
  float* sum;
  long long stride;  // of both
  float scale;
};
inline constexpr Kernel<GatherArguments> add_squares_kernel{"add_squares_kernel"};
inline constexpr Kernel<GatherArguments> add_scaled_kernel{"add_scaled_kernel"};

// partials[k][chunk][4] = sums of a^2, a b, b^2, (a - b)^2
struct CompareArguments {
  Chunks chunks;
  const float *a, *b;
  long long stride_a, stride_b;  // 0: one row for all replicas
  double* partials;
};
inline constexpr Kernel<CompareArguments> compare_chunks_kernel{"compare_chunks_kernel"};

// moments[k][tensor][4] = sums of its chunks' partials in their order; one thread for each. starts [tensors + 1]: first chunk of each tensor.
struct AddComparedArguments {
  const double* partials;
  const int* starts;
  int chunks, tensor_count, replicas;
  double* moments;
};
inline constexpr Kernel<AddComparedArguments> add_compared_kernel{"add_compared_kernel"};

}  // namespace lrdist::cuda
