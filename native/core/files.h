// Bytes at offsets of tensor files. The JSON headers are TypeScript's business; where the values live is the engines'.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine.h"
#include "layout.h"

namespace lrdist {

class File;

// Reads tensors; each file is opened once. Throws ERR_READ, or ERR_SAFETENSORS if a file is too short or holds the wrong type.
class TensorReader {
 public:
  TensorReader();
  ~TensorReader();
  // The tensor's n numbers as floats.
  void floats(const FileTensor& t, int64_t n, float* out);
  // One step count.
  int64_t steps(const FileTensor& t);
  // For each row of the word embedding whether it was touched.
  std::vector<uint8_t> touched(const FileTensor& t, const Layout& layout);

 private:
  int open(const std::string& path);
  std::map<std::string, std::unique_ptr<File>> files_;
};

// Writes a safetensors file under a temporary name; finish() syncs and renames it. Without that nothing is left of it. Throws ERR_WRITE.
class TensorWriter {
 public:
  TensorWriter(const std::string& path, const std::string& header);
  ~TensorWriter();
  void append(const void* from, int64_t bytes);
  void finish();

 private:
  const std::string path_, temporary_;
  std::unique_ptr<File> file_;
  bool finished_ = false;
};

}  // namespace lrdist
