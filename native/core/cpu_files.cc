// The CPU engine's tensors from and to files, straight from and to its buffers; and what is read of them.
#include <c10/core/InferenceMode.h>

#include <algorithm>

#include "files.h"
#include "state.h"

namespace lrdist {

void CpuEngine::load(const std::vector<FileTensor>& tensors) {
  const c10::InferenceMode guard;
  State& s = *state_;
  s.need_weights();
  if (std::any_of(tensors.begin(), tensors.end(), [](const FileTensor& t) { return t.buffer == Buffer::weights; })) s.weights_changed();
  TensorReader reader;
  for (const FileTensor& t : tensors) {
    if (stop.load()) throw Error("ERR_STOPPED", "loading was stopped");
    const TensorPlace& place = s.layout.tensors.at(static_cast<size_t>(t.parameter));
    const int64_t from = t.replica < 0 ? 0 : t.replica, to = t.replica < 0 ? s.count() : t.replica + 1;
    const auto into = [&](const at::Tensor& buffer) {
      float* first = buffer.mutable_data_ptr<float>() + from * s.layout.size + place.offset;
      reader.floats(t, place.size, first);
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
        const int64_t value = reader.steps(t);
        s.need_moments();
        for (int64_t k = from; k < to; ++k) s.replicas[k].steps[static_cast<size_t>(t.parameter)] = value;
        break;
      }
      case Buffer::touched: {
        const std::vector<uint8_t> rows = reader.touched(t, s.layout);
        s.need_moments();
        for (int64_t k = from; k < to; ++k) s.replicas[k].touched = rows;
        break;
      }
      case Buffer::slot: {
        const at::Tensor& values = s.slot(t.slot).weights;
        if (values.size(0) == 1) {
          reader.floats(t, place.size, values.mutable_data_ptr<float>() + place.offset);
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
  TensorWriter file(path, header);
  std::vector<int64_t> scratch;
  for (const Source& source : sources) {
    if (stop.load()) throw Error("ERR_STOPPED", "writing was stopped");
    const Bytes bytes = bytes_of(s, source, scratch);
    file.append(bytes.data, bytes.size);
  }
  file.finish();
}

}  // namespace lrdist
