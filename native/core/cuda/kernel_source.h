// The kernels' source as one text, for NVRTC, which has no include path.
#pragma once

#include <string>
#include <vector>

namespace lrdist::cuda {

struct SourceFile {
  const char* name;  // without folders
  const char* text;
};

// native/kernels/cuda, embedded by CMake (native/cmake/EmbedKernels.cmake).
extern const std::vector<SourceFile> kernel_files;

// All .cu files in the order given, each include of another file of the list replaced by it the first time and left out afterwards. Includes of
// other files are left out: they are for the host's compiler. #line tells the compiler where a line came from.
std::string one_text(const std::vector<SourceFile>& files);

// Of the lines LRDIST_KERNEL(name, ...).
std::vector<std::string> kernel_names(const std::vector<SourceFile>& files);

}  // namespace lrdist::cuda
