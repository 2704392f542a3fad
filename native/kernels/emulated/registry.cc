#include "registry.h"

#include <map>
#include <stdexcept>

namespace lrdist::emulated {

namespace {
std::map<std::string, Entry>& entries() {
  static std::map<std::string, Entry> all;  // made at first use: registrations are static objects of other files
  return all;
}
}  // namespace

Registration::Registration(Entry entry) {
  const std::string name = entry.name;
  if (!entries().emplace(name, std::move(entry)).second) throw std::logic_error("two kernels are called " + name);
}

const Entry* find_kernel(const std::string& name) {
  const auto found = entries().find(name);
  return found == entries().end() ? nullptr : &found->second;
}

std::vector<std::string> kernel_names() {
  std::vector<std::string> names;
  for (const auto& [name, entry] : entries()) names.push_back(name);
  return names;
}

}  // namespace lrdist::emulated
