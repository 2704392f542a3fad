// Tensors from and to files. The JSON headers are TypeScript's business; here are only bytes at offsets.
#include <c10/core/InferenceMode.h>
#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>

#include "state.h"

namespace lrdist {
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

struct File {
  int fd;
  explicit File(int descriptor) : fd(descriptor) {}
  ~File() {
    if (fd >= 0) ::close(fd);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
};

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

void write_all(int fd, const std::string& path, const void* from, int64_t bytes) {
  const auto* p = static_cast<const char*>(from);
  while (bytes > 0) {
    const ssize_t n = ::write(fd, p, static_cast<size_t>(std::min<int64_t>(bytes, 1 << 30)));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw Error("ERR_WRITE", path + ": " + reason());
    p += n;
    bytes -= n;
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

void read_floats(int fd, const FileTensor& t, int64_t n, float* out) {
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

}  // namespace

void CpuEngine::load(const std::vector<FileTensor>& tensors) {
  const c10::InferenceMode guard;
  State& s = *state_;
  s.need_weights();
  if (std::any_of(tensors.begin(), tensors.end(), [](const FileTensor& t) { return t.buffer == Buffer::weights; })) s.weights_changed();
  std::map<std::string, std::unique_ptr<File>> files;
  for (const FileTensor& t : tensors) {
    if (stop.load()) throw Error("ERR_STOPPED", "loading was stopped");
    auto& file = files[t.path];
    if (!file) {
      file = std::make_unique<File>(::open(t.path.c_str(), O_RDONLY | O_CLOEXEC));
      if (file->fd < 0) throw Error("ERR_READ", t.path + ": " + reason());
    }
    const TensorPlace& place = s.layout.tensors.at(static_cast<size_t>(t.parameter));
    const int64_t from = t.replica < 0 ? 0 : t.replica, to = t.replica < 0 ? s.count() : t.replica + 1;
    const auto into = [&](const at::Tensor& buffer) {
      float* first = buffer.mutable_data_ptr<float>() + from * s.layout.size + place.offset;
      read_floats(file->fd, t, place.size, first);
      for (int64_t k = from + 1; k < to; ++k) std::copy_n(first, place.size, buffer.mutable_data_ptr<float>() + k * s.layout.size + place.offset);
    };
    switch (t.buffer) {
      case Buffer::weights: into(s.weights); break;
      case Buffer::exp_avg:
        s.need_moments();
        into(s.first);
        break;
      case Buffer::exp_avg_sq:
        s.need_moments();
        into(s.second);
        break;
      case Buffer::steps: {
        if (t.dtype != DType::i64) throw Error("ERR_SAFETENSORS", t.path + ": step counts must be I64");
        s.need_moments();
        int64_t value = 0;
        read_at(file->fd, t.path, &value, 8, t.offset);
        for (int64_t k = from; k < to; ++k) s.replicas[k].steps[static_cast<size_t>(t.parameter)] = value;
        break;
      }
      case Buffer::touched: {
        if (t.dtype != DType::u8 || t.parameter != s.layout.word) throw Error("ERR_SAFETENSORS", t.path + ": touched rows must be U8 and of the word embedding");
        s.need_moments();
        std::vector<uint8_t> rows(static_cast<size_t>(s.layout.model.vocab));
        read_at(file->fd, t.path, rows.data(), static_cast<int64_t>(rows.size()), t.offset);
        for (int64_t k = from; k < to; ++k) s.replicas[k].touched = rows;
        break;
      }
      case Buffer::slot: {
        const at::Tensor& values = s.slot(t.slot).weights;
        if (values.size(0) == 1) {
          read_floats(file->fd, t, place.size, values.mutable_data_ptr<float>() + place.offset);
        } else {
          into(values);
        }
        break;
      }
      default: throw Error("ERR_INVALID_OPTION", "load: this buffer cannot be read from a file");
    }
  }
}

namespace {

// A source as raw bytes: floats of the arena, or whole numbers copied into `scratch`.
struct Bytes {
  const void* data;
  int64_t size;
};

Bytes bytes_of(const CpuEngine::State& s, const Source& source, std::vector<int64_t>& scratch) {
  const TensorPlace& place = s.layout.tensors.at(static_cast<size_t>(source.parameter));
  const ReplicaState& replica = s.replicas.at(static_cast<size_t>(source.replica));
  const auto floats = [&](const at::Tensor& buffer, const char* what) -> Bytes {
    if (!buffer.defined()) throw Error("ERR_INVALID_OPTION", std::string("there are no ") + what + " yet");
    return {buffer.const_data_ptr<float>() + source.replica * s.layout.size + place.offset, place.size * 4};
  };
  switch (source.buffer) {
    case Buffer::weights: return floats(s.weights, "weights");
    case Buffer::exp_avg: return floats(s.first, "moments");
    case Buffer::exp_avg_sq: return floats(s.second, "moments");
    case Buffer::slot: {
      const auto found = s.slots.find(source.slot);
      if (found == s.slots.end()) throw Error("ERR_INVALID_OPTION", "slot: there is no slot " + std::to_string(source.slot));
      const at::Tensor& values = found->second.weights;
      return {values.const_data_ptr<float>() + (values.size(0) == 1 ? 0 : source.replica) * s.layout.size + place.offset, place.size * 4};
    }
    case Buffer::gradients:
      if (!s.gradients.written(static_cast<int32_t>(source.parameter))) throw Error("ERR_INVALID_OPTION", "there are no gradients of " + place.name + " yet");
      return {s.gradients.data() + place.offset, place.size * 4};
    case Buffer::steps:
      scratch.assign(1, replica.steps[static_cast<size_t>(source.parameter)]);
      return {scratch.data(), 8};
    case Buffer::touched:
      if (source.parameter != s.layout.word) throw Error("ERR_INVALID_OPTION", "touched rows belong to the word embedding");
      return {replica.touched.data(), static_cast<int64_t>(replica.touched.size())};
  }
  throw Error("ERR_NATIVE", "unknown buffer");
}

}  // namespace

std::vector<float> CpuEngine::read(const Source& source) const {
  const State& s = *state_;
  std::vector<int64_t> scratch;
  if (source.buffer == Buffer::gradients && s.gradients.data() && !s.gradients.written(static_cast<int32_t>(source.parameter))) {
    return std::vector<float>(static_cast<size_t>(s.layout.tensors.at(static_cast<size_t>(source.parameter)).size), 0.0f);
  }
  const Bytes bytes = bytes_of(s, source, scratch);
  if (source.buffer == Buffer::steps) return {static_cast<float>(scratch[0])};
  if (source.buffer == Buffer::touched) {
    const auto* rows = static_cast<const uint8_t*>(bytes.data);
    return std::vector<float>(rows, rows + bytes.size);
  }
  const auto* floats = static_cast<const float*>(bytes.data);
  return std::vector<float>(floats, floats + bytes.size / 4);
}

void CpuEngine::write(const std::string& path, const std::string& header, const std::vector<Source>& sources) const {
  const State& s = *state_;
  const std::string temporary = path + ".tmp-" + std::to_string(::getpid());
  const auto fail = [&](const Error& error) {
    ::unlink(temporary.c_str());
    throw error;
  };
  try {
    const File file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
    if (file.fd < 0) throw Error("ERR_WRITE", path + ": " + reason());
    const auto length = static_cast<uint64_t>(header.size());
    write_all(file.fd, path, &length, 8);  // little-endian, as every supported processor is
    write_all(file.fd, path, header.data(), static_cast<int64_t>(header.size()));
    std::vector<int64_t> scratch;
    for (const Source& source : sources) {
      if (stop.load()) throw Error("ERR_STOPPED", "writing was stopped");
      const Bytes bytes = bytes_of(s, source, scratch);
      write_all(file.fd, path, bytes.data, bytes.size);
    }
    if (::fsync(file.fd) != 0) throw Error("ERR_WRITE", path + ": " + reason());
  } catch (const Error& error) {
    fail(error);
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) fail(Error("ERR_WRITE", path + ": " + reason()));
}

}  // namespace lrdist
