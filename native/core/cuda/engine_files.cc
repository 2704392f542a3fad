// The engine's tensors from and to files, through host memory; and what is read of them.
#include <algorithm>

#include "../files.h"
#include "cuda_engine.h"
#include "state.h"

namespace lrdist::cuda {
namespace {

// Where a tensor of one replica lies in a buffer [rows][length].
template <class T>
T* at(const Array<T>& buffer, int64_t replica, int64_t length, int64_t offset) {
  return buffer.data() + replica * length + offset;
}

// The same values for the replicas [from, to).
template <class T>
void put(Device& device, const Array<T>& buffer, const std::vector<T>& values, int64_t from, int64_t to, int64_t length, int64_t offset) {
  T* const first = at(buffer, from, length, offset);
  const auto bytes = static_cast<int64_t>(values.size() * sizeof(T));
  device.upload(first, values.data(), bytes);
  for (int64_t k = from + 1; k < to; ++k) device.copy(at(buffer, k, length, offset), first, bytes);
}

// A tensor as the numbers that files hold: floats, 64-bit step counts, or bytes.
struct Values {
  std::vector<float> floats = {};
  std::vector<int64_t> counts = {};
  std::vector<uint8_t> flags = {};
};

// Rows that had no gradient hold what an earlier step left there.
void clear_other_rows(State& s, std::vector<float>& word, int64_t replica) {
  const std::vector<unsigned> stamp = downloaded(s.device(), s.stamp.data(), s.stamp.size());
  const int64_t width = s.layout.model.hidden, words = s.layout.model.vocab;
  std::vector<uint8_t> pulled(static_cast<size_t>(words), 0);
  if (!s.word_pulled.empty() && s.word_pulled[static_cast<size_t>(replica)]) pulled = downloaded<uint8_t>(s.device(), at(s.touched, replica, words, 0), words);
  for (size_t row = 0; row < stamp.size(); ++row)
    if (stamp[row] != s.last_stamp && !pulled[row]) std::fill_n(word.begin() + static_cast<int64_t>(row) * width, width, 0.0f);
}

bool has_gradient(const State& s, int64_t tensor) { return static_cast<size_t>(tensor) < s.written.size() && s.written[static_cast<size_t>(tensor)] != 0; }

Values values_of(State& s, const Source& source) {
  const TensorPlace& place = s.layout.tensors.at(static_cast<size_t>(source.parameter));
  const auto floats = [&](const Array<float>& buffer, const char* what, int64_t replica) -> Values {
    if (!buffer) throw Error("ERR_INVALID_OPTION", std::string("there are no ") + what + " yet");
    return {.floats = downloaded<float>(s.device(), at(buffer, replica, s.layout.size, place.offset), place.size)};
  };
  switch (source.buffer) {
    case Buffer::weights: return floats(s.weights, "weights", source.replica);
    case Buffer::exp_avg: return floats(s.first, "moments", source.replica);
    case Buffer::exp_avg_sq: return floats(s.second, "moments", source.replica);
    case Buffer::slot: {
      const Slot& slot = s.slot(source.slot);
      return floats(slot.weights, "values", slot.rows == 1 ? 0 : source.replica);
    }
    case Buffer::gradients: {
      if (!has_gradient(s, source.parameter)) throw Error("ERR_INVALID_OPTION", "there are no gradients of " + place.name + " yet");
      Values values = floats(s.gradients, "gradients", source.replica);
      if (source.parameter == s.layout.word && !s.word_dense) clear_other_rows(s, values.floats, source.replica);
      return values;
    }
    case Buffer::steps:
      if (!s.steps) return {.counts = {0}};
      return {.counts = {downloaded<int>(s.device(), at(s.steps, source.replica, s.layout.count(), source.parameter), 1)[0]}};
    case Buffer::touched: {
      if (source.parameter != s.layout.word) throw Error("ERR_INVALID_OPTION", "touched rows belong to the word embedding");
      const int64_t words = s.layout.model.vocab;
      if (!s.touched) return {.flags = std::vector<uint8_t>(static_cast<size_t>(words))};
      return {.flags = downloaded<uint8_t>(s.device(), at(s.touched, source.replica, words, 0), words)};
    }
  }
  throw Error("ERR_NATIVE", "unknown buffer");
}

}  // namespace

void CudaEngine::load(const std::vector<FileTensor>& tensors) {
  State& s = *state_;
  s.need_weights();
  if (std::any_of(tensors.begin(), tensors.end(), [](const FileTensor& t) { return t.buffer == Buffer::weights; })) s.weights_changed();
  TensorReader reader;
  std::vector<float> floats;
  for (const FileTensor& t : tensors) {
    if (stop_flag().load()) throw Error("ERR_STOPPED", "loading was stopped");
    const TensorPlace& place = s.layout.tensors.at(static_cast<size_t>(t.parameter));
    const int64_t from = t.replica < 0 ? 0 : t.replica, to = t.replica < 0 ? s.replicas : t.replica + 1;
    const auto into = [&](const Array<float>& buffer, int64_t first, int64_t last) {
      floats.resize(static_cast<size_t>(place.size));
      reader.floats(t, place.size, floats.data());
      put(s.device(), buffer, floats, first, last, s.layout.size, place.offset);
    };
    switch (t.buffer) {
      case Buffer::weights: into(s.weights, from, to); break;
      case Buffer::exp_avg:
        s.need_moments();
        into(s.first, from, to);
        break;
      case Buffer::exp_avg_sq:
        s.need_moments();
        into(s.second, from, to);
        break;
      case Buffer::steps: {
        const std::vector<int> count{static_cast<int>(reader.steps(t))};
        s.need_moments();
        put(s.device(), s.steps, count, from, to, s.layout.count(), t.parameter);
        break;
      }
      case Buffer::touched: {
        const std::vector<uint8_t> rows = reader.touched(t, s.layout);
        s.need_moments();
        put(s.device(), s.touched, rows, from, to, s.layout.model.vocab, 0);
        break;
      }
      case Buffer::slot: {
        const Slot& slot = s.slot(t.slot);
        if (slot.rows == 1) into(slot.weights, 0, 1);
        else into(slot.weights, from, to);
        break;
      }
      default: throw Error("ERR_INVALID_OPTION", "load: this buffer cannot be read from a file");
    }
  }
}

std::vector<float> CudaEngine::read(const Source& source) const {
  State& s = *state_;
  if (source.buffer == Buffer::gradients && s.gradients && !has_gradient(s, source.parameter)) {
    return std::vector<float>(static_cast<size_t>(s.layout.tensors.at(static_cast<size_t>(source.parameter)).size), 0.0f);
  }
  Values values = values_of(s, source);
  if (source.buffer == Buffer::steps) return {static_cast<float>(values.counts[0])};
  if (source.buffer == Buffer::touched) return std::vector<float>(values.flags.begin(), values.flags.end());
  return std::move(values.floats);
}

void CudaEngine::write(const std::string& path, const std::string& header, const std::vector<Source>& sources) const {
  TensorWriter file(path, header);
  for (const Source& source : sources) {
    if (stop_flag().load()) throw Error("ERR_STOPPED", "writing was stopped");
    const Values values = values_of(*state_, source);
    file.append(values.floats.data(), static_cast<int64_t>(values.floats.size() * 4));
    file.append(values.counts.data(), static_cast<int64_t>(values.counts.size() * 8));
    file.append(values.flags.data(), static_cast<int64_t>(values.flags.size()));
  }
  file.finish();
}

}  // namespace lrdist::cuda
