#include "nvrtc_library.h"

#include <cstdlib>
#include <filesystem>

#include "nvidia_libraries.h"

namespace lrdist::cuda {

namespace fs = std::filesystem;

namespace {

// libnvrtc.so.13, or libnvrtc-672ee683.so.12 in a libtorch without packages; not libnvrtc-builtins and not the slim libnvrtc.alt.
bool is_compiler(const std::string& path) {
  const std::string name = fs::path(path).filename().string();
  return name.find("builtins") == std::string::npos && name.find(".alt.") == std::string::npos;
}

}  // namespace

std::vector<std::string> nvrtc_near(const std::string& folder) {
  std::vector<std::string> found;
  for (const std::string& near : folders_near(folder)) {
    for (const std::string& path : libraries_in(near, "libnvrtc")) {
      if (is_compiler(path)) found.push_back(path);
    }
  }
  return found;
}

std::vector<std::string> nvrtc_builtins(const std::string& nvrtc) {
  const fs::path folder = fs::path(nvrtc).parent_path();
  return folder.empty() ? std::vector<std::string>{} : libraries_in(folder.string(), "libnvrtc-builtins");
}

std::vector<std::string> nvrtc_candidates() {
  if (const char* chosen = std::getenv("LRDIST_NVRTC"); chosen && *chosen) return {chosen};
  std::vector<std::string> found = nvrtc_near(libtorch_folder());
  for (const char* name : {"libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"}) found.push_back(name);
  return found;
}

}  // namespace lrdist::cuda
