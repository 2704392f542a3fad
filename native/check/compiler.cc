// From the kernels' source to an image. No GPU is needed.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include <unistd.h>

#include "check.h"
#include "core/cuda/image_cache.h"
#include "core/cuda/kernel_source.h"
#include "core/cuda/nvrtc.h"
#include "core/engine.h"
#include "kernels/emulated/registry.h"

namespace lrdist::check {

namespace fs = std::filesystem;

namespace {

void expect(bool holds, const std::string& what) {
  if (!holds) throw std::runtime_error(what);
}

std::string chosen(const std::vector<int>& supported, int major, int minor) {
  try {
    const cuda::Architecture a = cuda::choose_architecture(supported, major, minor);
    return (a.binary ? "sm_" : "compute_") + std::to_string(a.number);
  } catch (const Error& error) {
    return error.code;
  }
}

}  // namespace

LRDIST_CHECK(architecture) {
  const std::vector<int> new_ones = {75, 80, 86, 89, 90, 100, 120}, old_ones = {70, 80, 86, 90};
  expect(chosen(new_ones, 9, 0) == "sm_90", "a card's own architecture");
  expect(chosen(new_ones, 8, 0) == "sm_80", "not a later one of the same generation");
  expect(chosen(new_ones, 8, 7) == "sm_86", "the nearest older one of the same generation");
  expect(chosen(old_ones, 10, 0) == "compute_90", "a card newer than the compiler");
  expect(chosen(new_ones, 7, 5) == "ERR_KERNEL", "a card that is too old");
  expect(chosen({90}, 8, 0) == "ERR_KERNEL", "a card older than what the compiler knows");
}

LRDIST_CHECK(one_text) {
  const std::vector<cuda::SourceFile> files = {
      {"a.cu", "#include \"b.h\"\n\n#include \"../elsewhere/host.h\"\nint a;\n"}, {"b.h", "#pragma once\n#include \"c.h\"\nint b;\n"}, {"c.h", "#pragma once\nint c;\n"}, {"d.cu", "#include \"c.h\"\nint d;\n"}};
  const std::string expected =
      "#line 1 \"a.cu\"\n#line 1 \"b.h\"\n\n#line 1 \"c.h\"\n\nint c;\n#line 3 \"b.h\"\nint b;\n#line 2 \"a.cu\"\n\n#line 4 \"a.cu\"\nint a;\n"
      "#line 1 \"d.cu\"\n#line 2 \"d.cu\"\nint d;\n";
  expect(cuda::one_text(files) == expected, "another text:\n" + cuda::one_text(files));
  const std::string all = cuda::one_text(cuda::kernel_files);
  expect(all.find("LRDIST_KERNEL(keep_probe") != std::string::npos && all.find("#include") == std::string::npos, "the embedded source is not whole, or includes");
}

// Those that a GPU's driver is asked to load are those that the emulator has, but for the checks' own.
LRDIST_CHECK(kernel_names) {
  std::vector<std::string> named = cuda::kernel_names(cuda::kernel_files), compiled = emulated::kernel_names();
  std::erase_if(compiled, [](const std::string& name) { return name.rfind("emulator_", 0) == 0; });
  std::sort(named.begin(), named.end());
  expect(named == compiled, "the kernels in the source are not those that were compiled");
}

LRDIST_CHECK(image_cache) {
  const fs::path folder = fs::temp_directory_path() / ("lrdist-image-cache-" + std::to_string(getpid()));
  int made = 0;
  const auto image = [&](const std::string& key) { return cuda::cached_image(folder.string(), key, [&] { return "image " + std::to_string(++made); }); };
  expect(image("a") == "image 1" && image("a") == "image 1", "the first image was not kept");
  expect(image("b") == "image 2", "another key gave the same image");
  for (const auto& file : fs::directory_iterator(folder / "kernels")) fs::resize_file(file, fs::file_size(file) - 1);
  expect(image("a") == "image 3" && image("a") == "image 3", "an image that was cut off was not made anew");
  for (const auto& file : fs::directory_iterator(folder / "kernels")) std::ofstream(file.path());
  expect(image("a") == "image 4", "an empty file was not made anew");
  fs::remove_all(folder);
  std::ofstream(folder.string()) << "no folder";
  expect(image("a") == "image 5", "a cache that cannot be written was an error");
  fs::remove(folder);
  expect(cuda::cached_image("", "a", [] { return std::string("image 6"); }) == "image 6", "no folder at all was an error");
}

}  // namespace lrdist::check
