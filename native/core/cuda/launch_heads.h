// The classifier of all replicas; kernels/cuda/heads.h says what is computed. Grids follow rows.padded.
#pragma once

#include "../../kernels/cuda/heads.h"
#include "device.h"

namespace lrdist::cuda {

void classifier(Device& device, const Classifier& a, int replicas);
void classifier_weights(Device& device, const ClassifierWeights& a, int replicas);
void classifier_input(Device& device, const ClassifierInput& a, int replicas);

}  // namespace lrdist::cuda
