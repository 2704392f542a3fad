// Kernels by name.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace lrdist::emulated {

struct Entry {
  std::string name;
  size_t arguments_bytes;
  unsigned most_threads;  // of a block; 0: as many as a device has
  void (*body)(const void* arguments);
};

// Null if there is none.
const Entry* find_kernel(const std::string& name);
std::vector<std::string> kernel_names();

struct Registration {
  explicit Registration(Entry entry);
};

}  // namespace lrdist::emulated
