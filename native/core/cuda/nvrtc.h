// NVRTC, the compiler that comes with every CUDA libtorch, compiles the kernels when a device is first used.
//
// Why not nvcc when the addon is built: a user's machine has no CUDA toolkit, and the addon, built where no GPU is, would have to carry code for every
// architecture. Compiled at first use there is one image, for the card that is there, also for one newer than the addon; it is then kept in a file.
#pragma once

#include <string>
#include <vector>

namespace lrdist::cuda {

struct Architecture {
  int number;   // 10 * major + minor of the compute capability
  bool binary;  // sm_NN: an image for this card; else compute_NN, which the driver compiles further
};

// The best that a compiler which knows `supported` (numbers) can do for a card: its own architecture, an older one of the same major number, whose images it
// runs, or the newest of an older generation, as text. Throws ERR_KERNEL if there is none.
Architecture choose_architecture(const std::vector<int>& supported, int major, int minor);

class Nvrtc {
 public:
  // Looks for libnvrtc.so: in LRDIST_NVRTC (a file), beside libtorch, in the folders of the NVIDIA packages beside torch, then where the system's linker looks.
  // Throws ERR_DEVICE_UNAVAILABLE if there is none.
  static const Nvrtc& get();

  const std::string& path() const { return path_; }
  int major() const { return major_; }
  int minor() const { return minor_; }
  std::vector<int> architectures() const;
  // What cuModuleLoadData takes. Throws ERR_KERNEL with the start of the compiler's log.
  std::string compile(const std::string& source, const std::vector<std::string>& options) const;

  // With line_info tools can name lines of the source; the image is three times as large.
  static std::vector<std::string> options(const Architecture& architecture, bool line_info);

 private:
  explicit Nvrtc(const std::string& path);
  std::string path_;
  void* library_ = nullptr;
  int major_ = 0, minor_ = 0;
};

}  // namespace lrdist::cuda
