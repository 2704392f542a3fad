// Where two-stage sums keep their first stage. Kernels in one queue may share one workspace.
#pragma once

#include <cstdint>

namespace lrdist::cuda {

struct Workspace {
  float* data = nullptr;
  int64_t floats = 0;
};

// What sums over a matrix of `padded` rows and `columns` columns need at most. norm_backward has 3 * width columns, type_gradient types * width,
// everything else the matrix's own.
int64_t sums_workspace(int64_t padded, int64_t columns, int64_t replicas);

}  // namespace lrdist::cuda
