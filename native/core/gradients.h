// The gradient buffer of one replica's step: one float per parameter, written tensor by tensor. Tensors that no part of a step
// wrote have no gradient, as PyTorch's `None`: the optimizer skips them.
#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <vector>

#include "kernels/kernels.h"
#include "layout.h"

namespace lrdist {

struct GradientTarget {
  float* data;
  bool accumulate;  // false: overwrite
};

// Calls f(piece) for the pieces of a range that threads share out among them.
template <class F>
void for_pieces(kernels::Range range, const F& f) {
  constexpr int64_t piece = 32768;
  for (; range.begin < range.end; range.begin += piece) f(kernels::Range{range.begin, std::min(range.end, range.begin + piece)});
}

class Gradients {
 public:
  explicit Gradients(const Layout& layout) : layout_(layout) {}

  // Forgets the last step's gradients. Outside word_rows and pulled_rows the word embedding's gradient is zero.
  void begin_step();
  // Where to write this tensor's gradient now.
  GradientTarget target(int32_t tensor);
  // The same for tables that are added to row by row: zero unless written before in this step.
  float* table(int32_t tensor);
  // The word embedding, of which only these rows are added to.
  float* word_table(const std::vector<int32_t>& ids);
  // Lets a penalty add to these rows of the word embedding too: those not among word_rows become pulled_rows.
  void add_word_rows(const std::vector<uint8_t>& flags);
  // The whole word embedding, for a tied decoder.
  GradientTarget word_dense();

  // A head added since the step has tensors that it did not know.
  bool written(int32_t tensor) const { return static_cast<size_t>(tensor) < written_.size() && written_[static_cast<size_t>(tensor)] != 0; }
  bool word_is_dense() const { return word_dense_; }
  // Rows of the word embedding with a gradient in this step, unless dense; in order of first use.
  const std::vector<int32_t>& word_rows() const { return word_rows_; }
  // Further rows, in runs.
  const std::vector<kernels::Range>& pulled_rows() const { return pulled_rows_; }
  // Calls f(range) for the ranges of the arena, one after the other, that hold this tensor's gradient.
  template <class F>
  void for_ranges(int32_t tensor, const F& f) const {
    const TensorPlace& place = layout_.tensors[static_cast<size_t>(tensor)];
    if (tensor != layout_.word || word_dense_) {
      for_pieces({place.offset, place.offset + place.size}, f);
      return;
    }
    const int64_t width = layout_.model.hidden;
    const auto rows = [&](int64_t begin, int64_t end) { for_pieces({place.offset + begin * width, place.offset + end * width}, f); };
    for (const int32_t row : word_rows_) rows(row, row + 1);
    for (const auto [begin, end] : pulled_rows_) rows(begin, end);
  }
  float* mutable_data() { return buffer_.mutable_data_ptr<float>(); }
  const float* data() const { return buffer_.defined() ? buffer_.const_data_ptr<float>() : nullptr; }
  int64_t bytes() const { return buffer_.defined() ? static_cast<int64_t>(buffer_.nbytes()) : 0; }

 private:
  float* at(int32_t tensor);

  const Layout& layout_;
  at::Tensor buffer_;
  std::vector<uint8_t> written_, row_written_;
  std::vector<int32_t> word_rows_;
  std::vector<kernels::Range> pulled_rows_;
  bool word_dense_ = false;
};

}  // namespace lrdist
