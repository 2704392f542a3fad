#include "low_weights.h"

#include <ATen/ops/empty.h>

#include "state.h"
#include "profile.h"

namespace lrdist {
namespace {

using kernels::bf16;

bf16* data(const at::Tensor& t) { return reinterpret_cast<bf16*>(t.mutable_data_ptr()); }

at::Tensor make(int64_t rows, int64_t columns) { return at::empty({rows, columns}, at::TensorOptions().dtype(at::kBFloat16)); }

}  // namespace

LowCopy LowWeights::of(const Layout& layout, const at::Tensor& weights, int64_t replica) {
  const profile::Phase phase("convert weights");
  const int64_t begin = layout.factors_begin(), size = layout.size - begin, count = weights.size(0);
  if (!copies_.defined() || copies_.size(0) != count || copies_.size(1) != size) {
    copies_ = at::Tensor();
    require_memory(count * size * 2, "the bf16 copies of the weights");
    copies_ = make(count, size);
    current_.clear();
  }
  if (current_.empty()) current_.assign(static_cast<size_t>(count), 0);
  bf16* copy = data(copies_) + replica * size;
  uint8_t& current = current_[static_cast<size_t>(replica)];
  if (!current) kernels::convert(weights.const_data_ptr<float>() + replica * layout.size + begin, copy, size);
  current = 1;
  return {copy, begin};
}

LowCopy LowWeights::of_step(const Layout& layout, const float* weights) {
  const profile::Phase phase("convert weights");
  const int64_t begin = layout.factors_begin(), size = layout.size - begin;
  if (!step_.defined() || step_.numel() != size) step_ = make(1, size);
  kernels::convert(weights + begin, data(step_), size);
  return {data(step_), begin};
}

kernels::LowTarget LowWeights::target(const Layout& layout, int64_t replica) {
  if (current_.empty() || !current_[static_cast<size_t>(replica)]) return {};
  return {data(copies_) + replica * copies_.size(1), layout.factors_begin()};
}

int64_t LowWeights::bytes() const {
  const auto bytes = [](const at::Tensor& t) { return t.defined() ? static_cast<int64_t>(t.nbytes()) : 0; };
  return bytes(copies_) + bytes(step_);
}

}  // namespace lrdist
