#include "files.h"

#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace lrdist {

class File {
 public:
  explicit File(int descriptor) : fd(descriptor) {}
  ~File() {
    if (fd >= 0) ::close(fd);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  const int fd;
};

namespace {

int64_t dtype_size(DType d) {
  switch (d) {
    case DType::f64:
    case DType::i64: return 8;
    case DType::f32: return 4;
    case DType::f16:
    case DType::bf16: return 2;
    case DType::u8: return 1;
  }
  return 0;
}

std::string reason() { return std::strerror(errno); }

// pread instead of mmap: a file cut short while it is read gives an error, not a signal.
void read_at(int fd, const std::string& path, void* to, int64_t bytes, int64_t offset) {
  auto* p = static_cast<char*>(to);
  while (bytes > 0) {
    const ssize_t n = ::pread(fd, p, static_cast<size_t>(std::min<int64_t>(bytes, 1 << 30)), offset);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw Error("ERR_READ", path + ": " + reason());
    if (n == 0) throw Error("ERR_SAFETENSORS", path + ": the file ends " + std::to_string(bytes) + " bytes before the tensor does");
    p += n;
    bytes -= n;
    offset += n;
  }
}

template <class T>
void convert(const std::vector<char>& bytes, int64_t n, float* out) {
  for (int64_t i = 0; i < n; ++i) {
    T value;
    std::memcpy(&value, bytes.data() + i * static_cast<int64_t>(sizeof(T)), sizeof(T));
    out[i] = static_cast<float>(value);
  }
}

}  // namespace

TensorReader::TensorReader() = default;
TensorReader::~TensorReader() = default;

int TensorReader::open(const std::string& path) {
  auto& file = files_[path];
  if (!file) {
    auto opened = std::make_unique<File>(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (opened->fd < 0) throw Error("ERR_READ", path + ": " + reason());
    file = std::move(opened);
  }
  return file->fd;
}

void TensorReader::floats(const FileTensor& t, int64_t n, float* out) {
  const int fd = open(t.path);
  if (t.dtype == DType::f32) return read_at(fd, t.path, out, n * 4, t.offset);
  std::vector<char> bytes(static_cast<size_t>(n * dtype_size(t.dtype)));
  read_at(fd, t.path, bytes.data(), static_cast<int64_t>(bytes.size()), t.offset);
  switch (t.dtype) {
    case DType::f16: return convert<c10::Half>(bytes, n, out);
    case DType::bf16: return convert<c10::BFloat16>(bytes, n, out);
    case DType::f64: return convert<double>(bytes, n, out);
    default: throw Error("ERR_SAFETENSORS", t.path + ": a tensor of whole numbers where floating point is needed");
  }
}

int64_t TensorReader::steps(const FileTensor& t) {
  if (t.dtype != DType::i64) throw Error("ERR_SAFETENSORS", t.path + ": step counts must be I64");
  int64_t value = 0;
  read_at(open(t.path), t.path, &value, 8, t.offset);
  return value;
}

std::vector<uint8_t> TensorReader::touched(const FileTensor& t, const Layout& layout) {
  if (t.dtype != DType::u8 || t.parameter != layout.word) throw Error("ERR_SAFETENSORS", t.path + ": touched rows must be U8 and of the word embedding");
  std::vector<uint8_t> rows(static_cast<size_t>(layout.model.vocab));
  read_at(open(t.path), t.path, rows.data(), static_cast<int64_t>(rows.size()), t.offset);
  return rows;
}

TensorWriter::TensorWriter(const std::string& path, const std::string& header)
    : path_(path),
      temporary_(path + ".tmp-" + std::to_string(::getpid())),
      file_(std::make_unique<File>(::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666))) {
  try {
    if (file_->fd < 0) throw Error("ERR_WRITE", path_ + ": " + reason());
    const auto length = static_cast<uint64_t>(header.size());
    append(&length, 8);  // little-endian, as every supported processor is
    append(header.data(), static_cast<int64_t>(header.size()));
  } catch (const Error&) {
    ::unlink(temporary_.c_str());
    throw;
  }
}

TensorWriter::~TensorWriter() {
  if (!finished_) ::unlink(temporary_.c_str());
}

void TensorWriter::append(const void* from, int64_t bytes) {
  const auto* p = static_cast<const char*>(from);
  while (bytes > 0) {
    const ssize_t n = ::write(file_->fd, p, static_cast<size_t>(std::min<int64_t>(bytes, 1 << 30)));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw Error("ERR_WRITE", path_ + ": " + reason());
    p += n;
    bytes -= n;
  }
}

void TensorWriter::finish() {
  if (::fsync(file_->fd) != 0) throw Error("ERR_WRITE", path_ + ": " + reason());
  file_.reset();
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) throw Error("ERR_WRITE", path_ + ": " + reason());
  finished_ = true;
}

}  // namespace lrdist
