// Launches the kernels of kernels/cuda/embeddings.h, which says what they do. Throw Error with ERR_KERNEL where the workspace is too small.
#pragma once

#include "../../kernels/cuda/embeddings.h"
#include "device.h"
#include "workspace.h"

namespace lrdist::cuda {

void embed(Device& device, const Embed& a, int64_t replicas);
// Writes the stamps after all replicas have read them.
void word_gradient(Device& device, const WordGradient& a, int64_t replicas);
void clear_unstamped(Device& device, const ClearUnstamped& a, int64_t replicas);
void position_gradient(Device& device, const PositionGradient& a, int64_t replicas);
// `to`: the table [rows][width].
void type_gradient(Device& device, const TypeGradient& a, const Columns& to, int64_t replicas, const Workspace& workspace);

}  // namespace lrdist::cuda
