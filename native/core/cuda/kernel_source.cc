#include "kernel_source.h"

#include <set>
#include <sstream>

namespace lrdist::cuda {

namespace {

struct Writer {
  const std::vector<SourceFile>& files;
  std::set<std::string> done;
  std::ostringstream out;

  const SourceFile* find(const std::string& path) const {
    const std::string name = path.substr(path.rfind('/') + 1);
    for (const SourceFile& file : files) {
      if (name == file.name) return &file;
    }
    return nullptr;
  }

  void write(const SourceFile& file) {
    if (!done.insert(file.name).second) return;
    out << "#line 1 \"" << file.name << "\"\n";
    std::istringstream in(file.text);
    std::string line;
    for (int number = 1; std::getline(in, line); ++number) {
      static const std::string include = "#include ";
      if (line.compare(0, include.size(), include) == 0) {
        const size_t first = line.find('"'), last = line.rfind('"');
        const SourceFile* other = first == std::string::npos ? nullptr : find(line.substr(first + 1, last - first - 1));
        if (other) write(*other);
        out << "#line " << number + 1 << " \"" << file.name << "\"\n";
      } else if (line == "#pragma once") {
        out << '\n';
      } else {
        out << line << '\n';
      }
    }
  }
};

}  // namespace

std::string one_text(const std::vector<SourceFile>& files) {
  Writer writer{files, {}, {}};
  for (const SourceFile& file : files) {
    const std::string name = file.name;
    if (name.size() > 3 && name.substr(name.size() - 3) == ".cu") writer.write(file);
  }
  return writer.out.str();
}

std::vector<std::string> kernel_names(const std::vector<SourceFile>& files) {
  const std::string start = "LRDIST_KERNEL(";
  std::vector<std::string> names;
  for (const SourceFile& file : files) {
    std::istringstream in(file.text);
    for (std::string line; std::getline(in, line);) {
      if (line.compare(0, start.size(), start) == 0) names.push_back(line.substr(start.size(), line.find(',') - start.size()));
    }
  }
  return names;
}

}  // namespace lrdist::cuda
