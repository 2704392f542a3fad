// Adam and AdamW (Kingma & Ba 2015; Loshchilov & Hutter 2019) with a rate, decay and step count of its own for every tensor of
// every replica, as one pass over the arena.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "bert.h"
#include "gradients.h"
#include "layout.h"

namespace lrdist {

// A replica's optimizer state. Rows of the word embedding that never had a gradient have zero moments, so their update is
// zero (only decay and RecAdam's pull move them): they are skipped until first touched. Exact, and it saves most of the pass on small models.
struct Moments {
  float *first = nullptr, *second = nullptr;
  std::vector<int64_t> steps;    // [tensors]
  std::vector<uint8_t> touched;  // [vocab]
};

Learning learning_of(const Layout& layout, const Plan& plan, int64_t replica);

// Learning tensors that have a gradient in this step.
std::vector<uint8_t> updated_tensors(const Layout& layout, const Learning& learning, const Gradients& gradients);

// RecAdam's annealing (penalties.h): how far the task's update counts, and the pull towards the anchor for each unit of rate.
struct Annealing {
  double task = 1, pull = 0;
  const float* anchor = nullptr;
};

kernels::AdamSettings adam_settings(const Plan& plan, double clip);

class LateRows;

// factors: [G] if per group, else one. clip: factor on the gradients. late: takes the rows of the word embedding without a gradient.
void optimizer_step(const Layout& layout, const Plan& plan, int64_t replica, const Learning& learning, const Gradients& gradients, const double* factors,
                    bool factors_per_group, double clip, const Annealing& annealing, float* weights, Moments& moments, const kernels::LowTarget& low = {},
                    LateRows* late = nullptr);

}  // namespace lrdist
