#include "nvidia_libraries.h"

#include <c10/core/Device.h>
#include <dlfcn.h>

#include <algorithm>
#include <filesystem>

namespace lrdist::cuda {

namespace fs = std::filesystem;

std::vector<std::string> libraries_in(const std::string& folder, const std::string& start) {
  std::vector<std::string> found;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(start) && name.find(".so") != std::string::npos) found.push_back(entry.path().string());
  }
  std::sort(found.rbegin(), found.rend());
  return found;
}

std::vector<std::string> folders_near(const std::string& libtorch) {
  std::vector<std::string> packages;
  std::error_code ignored;
  const fs::path nvidia = fs::path(libtorch).parent_path().parent_path() / "nvidia";
  for (const auto& entry : fs::directory_iterator(nvidia, ignored)) packages.push_back((entry.path() / "lib").string());
  std::sort(packages.begin(), packages.end());
  packages.insert(packages.begin(), libtorch);
  return packages;
}

std::string libtorch_folder() {
  Dl_info info{};
  const auto symbol = &c10::DeviceTypeName;
  if (!dladdr(reinterpret_cast<const void*>(symbol), &info) || !info.dli_fname) return "";
  std::error_code ignored;
  return fs::weakly_canonical(info.dli_fname, ignored).parent_path().string();
}

}  // namespace lrdist::cuda
