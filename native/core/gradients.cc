#include "gradients.h"

#include <algorithm>

#include "allocator.h"
#include "profile.h"

namespace lrdist {

float* Gradients::at(int32_t tensor) { return buffer_.mutable_data_ptr<float>() + layout_.tensors[static_cast<size_t>(tensor)].offset; }

void Gradients::begin_step() {
  const profile::Phase phase("clear gradients");
  if (!buffer_.defined() || buffer_.numel() != layout_.size) {  // first step, or a head was added
    buffer_ = zero_arena(1, layout_.size, layout_.dense_begin()).view({layout_.size});
    row_written_.assign(static_cast<size_t>(layout_.model.vocab), 0);
    word_rows_.clear();
    pulled_rows_.clear();
    word_dense_ = false;
  }
  const int64_t width = layout_.model.hidden;
  float* word = at(layout_.word);
  if (word_dense_) std::fill_n(word, layout_.tensors[static_cast<size_t>(layout_.word)].size, 0.0f);
  for (const int32_t row : word_rows_) {
    std::fill_n(word + row * width, width, 0.0f);
    row_written_[static_cast<size_t>(row)] = 0;
  }
  for (const auto [begin, end] : pulled_rows_) std::fill(word + begin * width, word + end * width, 0.0f);
  word_rows_.clear();
  pulled_rows_.clear();
  word_dense_ = false;
  written_.assign(layout_.tensors.size(), 0);
}

GradientTarget Gradients::target(int32_t tensor) {
  uint8_t& written = written_[static_cast<size_t>(tensor)];
  const bool accumulate = written != 0;
  written = 1;
  return {at(tensor), accumulate};
}

float* Gradients::table(int32_t tensor) {
  const GradientTarget t = target(tensor);
  if (!t.accumulate) std::fill_n(t.data, layout_.tensors[static_cast<size_t>(tensor)].size, 0.0f);
  return t.data;
}

float* Gradients::word_table(const std::vector<int32_t>& ids) {
  for (const int32_t id : ids) {
    uint8_t& seen = row_written_[static_cast<size_t>(id)];
    if (seen) continue;
    seen = 1;
    word_rows_.push_back(id);
    // Zero already; but a page that is first read and then written is mapped twice.
    if (!word_dense_) std::fill_n(at(layout_.word) + id * layout_.model.hidden, layout_.model.hidden, 0.0f);
  }
  return target(layout_.word).data;
}

void Gradients::add_word_rows(const std::vector<uint8_t>& flags) {
  for (size_t row = 0; row < flags.size(); ++row) {
    if (!flags[row] || row_written_[row]) continue;
    const auto place = static_cast<int64_t>(row);
    if (pulled_rows_.empty() || pulled_rows_.back().end != place) pulled_rows_.push_back({place, place});
    ++pulled_rows_.back().end;
  }
}

GradientTarget Gradients::word_dense() {
  word_dense_ = true;
  return target(layout_.word);
}

}  // namespace lrdist
