// Where the libraries are that a CUDA libtorch comes with.
#pragma once

#include <string>
#include <vector>

namespace lrdist::cuda {

// Shared libraries whose names begin so, in a folder; the highest name first.
std::vector<std::string> libraries_in(const std::string& folder, const std::string& start);
// libtorch's folder, then those of the NVIDIA packages beside it: site-packages/torch/lib and site-packages/nvidia/{cu13,nccl,...}/lib.
std::vector<std::string> folders_near(const std::string& libtorch);
// The folder that the running libtorch was loaded from; "" if it cannot be told.
std::string libtorch_folder();

}  // namespace lrdist::cuda
