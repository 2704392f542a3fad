// What of CUDA there is on this machine, for reports and advice.
#pragma once

#include <string>

namespace lrdist::cuda {

// Empty texts: not there.
struct Diagnosis {
  std::string libtorch;  // CUDA version that libtorch was built with
  std::string driver;    // newest CUDA version that the driver supports
  std::string nvrtc;     // path
  std::string nccl;      // version
  std::string problem;   // why no device can be used; empty if one can or nothing speaks of CUDA
};

// Does not throw.
Diagnosis diagnose();

}  // namespace lrdist::cuda
