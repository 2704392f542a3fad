#include "image_cache.h"

#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace lrdist::cuda {

namespace fs = std::filesystem;

namespace {

// FNV-1a, 64 bits, in hexadecimal. Two seeds make a name for the key that does not meet another by chance.
std::string hash(const std::string& text, uint64_t seed = 0) {
  uint64_t h = 0xCBF29CE484222325u ^ (seed * 0x9E3779B97F4A7C15u);
  for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001B3u;
  char out[17];
  std::snprintf(out, sizeof out, "%016llx", static_cast<unsigned long long>(h));
  return out;
}

// First the hash of what follows.
constexpr size_t head = 16;

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  const std::string all = text.str();
  if (all.size() <= head || all.substr(0, head) != hash(all.substr(head))) return "";
  return all.substr(head);
}

void write(const fs::path& path, const std::string& image) {
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  // A name of its own, so that processes and threads that start together do not write into one file.
  static std::atomic<int> written{0};
  const fs::path temporary = path.string() + "." + std::to_string(getpid()) + "-" + std::to_string(++written) + ".tmp";
  std::FILE* file = std::fopen(temporary.c_str(), "wb");
  if (!file) return;
  const std::string all = hash(image) + image;
  bool good = std::fwrite(all.data(), 1, all.size(), file) == all.size();
  good = std::fflush(file) == 0 && fsync(fileno(file)) == 0 && good;
  good = std::fclose(file) == 0 && good;
  if (good) fs::rename(temporary, path, error);
  if (!good || error) fs::remove(temporary, error);
}

}  // namespace

std::string cache_folder() {
  const auto from = [](const char* name) { return std::getenv(name) ? std::string(std::getenv(name)) : std::string(); };
  if (const std::string own = from("LRDIST_CACHE"); !own.empty()) return own;
  if (const std::string caches = from("XDG_CACHE_HOME"); !caches.empty()) return caches + "/lrdist";
  if (const std::string home = from("HOME"); !home.empty()) return home + "/.cache/lrdist";
  return "";
}

std::string cached_image(const std::string& folder, const std::string& key, const std::function<std::string()>& make) {
  if (folder.empty()) return make();
  const fs::path path = fs::path(folder) / "kernels" / (hash(key) + hash(key, 1));
  std::string image = read(path);
  if (!image.empty()) return image;
  image = make();
  write(path, image);
  return image;
}

}  // namespace lrdist::cuda
