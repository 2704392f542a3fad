#include "nvrtc_library.h"

#include <c10/core/Device.h>
#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

namespace lrdist::cuda {

namespace fs = std::filesystem;

namespace {

// Files of a folder whose names begin so and are shared libraries, with the highest name first.
std::vector<std::string> libraries(const fs::path& folder, const std::string& start) {
  std::vector<std::string> found;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.compare(0, start.size(), start) == 0 && name.find(".so") != std::string::npos) found.push_back(entry.path().string());
  }
  std::sort(found.rbegin(), found.rend());
  return found;
}

// libnvrtc.so.13, or libnvrtc-672ee683.so.12 in a libtorch without packages; not libnvrtc-builtins and not the slim libnvrtc.alt.
bool is_compiler(const std::string& path) {
  const std::string name = fs::path(path).filename().string();
  return name.find("builtins") == std::string::npos && name.find(".alt.") == std::string::npos;
}

void add(std::vector<std::string>& all, const std::vector<std::string>& some) {
  for (const std::string& path : some) {
    if (is_compiler(path)) all.push_back(path);
  }
}

std::string libtorch_folder() {
  Dl_info info{};
  const auto symbol = &c10::DeviceTypeName;
  if (!dladdr(reinterpret_cast<const void*>(symbol), &info) || !info.dli_fname) return "";
  std::error_code ignored;
  return fs::weakly_canonical(info.dli_fname, ignored).parent_path().string();
}

}  // namespace

std::vector<std::string> nvrtc_near(const std::string& folder) {
  std::vector<std::string> found;
  add(found, libraries(folder, "libnvrtc"));
  // site-packages/torch/lib and site-packages/nvidia/{cu13,cuda_nvrtc}/lib
  const fs::path packages = fs::path(folder).parent_path().parent_path() / "nvidia";
  std::vector<std::string> folders;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(packages, ignored)) folders.push_back((entry.path() / "lib").string());
  std::sort(folders.begin(), folders.end());
  for (const std::string& lib : folders) add(found, libraries(lib, "libnvrtc"));
  return found;
}

std::vector<std::string> nvrtc_builtins(const std::string& nvrtc) {
  const fs::path folder = fs::path(nvrtc).parent_path();
  return folder.empty() ? std::vector<std::string>{} : libraries(folder, "libnvrtc-builtins");
}

std::vector<std::string> nvrtc_candidates() {
  if (const char* chosen = std::getenv("LRDIST_NVRTC"); chosen && *chosen) return {chosen};
  std::vector<std::string> found = nvrtc_near(libtorch_folder());
  for (const char* name : {"libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"}) found.push_back(name);
  return found;
}

}  // namespace lrdist::cuda
