// Where NVRTC's files are.
#pragma once

#include <string>
#include <vector>

namespace lrdist::cuda {

// Files, newest first within a folder, then bare names for the system's linker. With LRDIST_NVRTC only that file.
std::vector<std::string> nvrtc_candidates();
// In one folder of libraries, and in those of the NVIDIA packages beside the torch package it may belong to.
std::vector<std::string> nvrtc_near(const std::string& libtorch_folder);
// The files that hold NVRTC's built-in functions, beside it.
std::vector<std::string> nvrtc_builtins(const std::string& nvrtc);

}  // namespace lrdist::cuda
