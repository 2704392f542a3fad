// The sum over all ranks of what the passes of a step left on each.
#pragma once

#include "../bert.h"
#include "communicator.h"
#include "device.h"
#include "pass.h"

namespace lrdist::cuda {

// Of a track's replicas. The same on every rank but for the addresses.
struct StepGradients {
  const GradientArena& arena;  // of the track's first replica, as the passes left it
  int64_t replicas;
  double* step_loss;           // [replicas]
  unsigned* stamp;             // [V]
  const unsigned* step;        // the stamps of this step are *step + 1
};

// Outside graphs, in the device's first queue. Words that a rank did not meet have a gradient of zero there, and its stamps are those of all ranks afterwards.
void exchange_gradients(Device& device, Communicator& communicator, const Layout& layout, const Learning& learning, const StepGradients& gradients);

}  // namespace lrdist::cuda
