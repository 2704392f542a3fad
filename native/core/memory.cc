// How much memory there is and how much a step needs. Linux hands out memory that it does not have and kills the process when it
// is touched, so large buffers are checked before they are made.
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string>

#include "memory.h"

namespace lrdist {
namespace {

int64_t read_number(const char* path) {  // -1 if absent or "max"
  std::ifstream file(path);
  int64_t value = -1;
  if (!(file >> value)) return -1;
  return value;
}

std::string gib(int64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f GiB", static_cast<double>(bytes) / (1 << 30));
  return text;
}

}  // namespace

int64_t total_memory() { return static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGE_SIZE); }

int64_t available_memory() {
  int64_t available = -1;
  std::ifstream file("/proc/meminfo");
  std::string key, unit;
  int64_t kib = 0;
  while (file >> key >> kib) {
    std::getline(file, unit);
    if (key == "MemAvailable:") available = kib * 1024;
  }
  const int64_t limit = read_number("/sys/fs/cgroup/memory.max"), used = read_number("/sys/fs/cgroup/memory.current");
  if (limit > 0 && used >= 0 && (available < 0 || limit - used < available)) available = limit - used;
  return available;
}

void require_memory(int64_t bytes, const std::string& what) {
  if (bytes < (int64_t{64} << 20)) return;
  const int64_t available = available_memory();
  if (available >= 0 && bytes > available)
    throw Error("ERR_OUT_OF_MEMORY", what + " need " + gib(bytes) + ", available are " + gib(available) + "; use fewer replicas, a smaller batch or a smaller model");
}

int64_t activation_bytes(const Layout& layout, int64_t tokens, bool kept) {
  const ModelSpec& m = layout.model;
  // Per token and layer: joint projections 3H, context, xhat twice, h, output; u and g of the feed-forward layer.
  const int64_t layer = (8 * m.hidden + 2 * m.intermediate) * 4;
  const int64_t transient = (6 * m.hidden + m.intermediate) * 4;
  return tokens * (kept ? m.layers * layer + transient : layer);
}

}  // namespace lrdist
