// Rows of the word embedding without a gradient in a step move by their moments and decay alone, and nothing reads them until a batch
// has their word again. So their updates wait until then or until the segment ends, and those of a row follow one another in the cache.
// Each is computed as it would have been, so no number changes; but the rows, which lie all over a large table, do not go through
// memory in every step.
#pragma once

#include <vector>

#include "../kernels/kernels.h"
#include "optimizer.h"
#include "penalties.h"

namespace lrdist {

// True unless something else reads or moves those rows: a decoder tied to the table, a penalty, coupled decay.
bool may_be_late(const Layout& layout, const Plan& plan, const Learning& learning, int64_t replica, const std::vector<Part>& parts);

class LateRows {
 public:
  LateRows(CpuEngine::State& state, int64_t replica);
  // Brings all rows up to date, also when a step throws.
  ~LateRows();
  LateRows(const LateRows&) = delete;
  LateRows& operator=(const LateRows&) = delete;

  // Brings the rows of these words up to date.
  void need(const std::vector<int32_t>& ids);
  // A step that all rows but these still have to make.
  void put_off(const kernels::AdamChunk& step, const std::vector<int32_t>& done);

 private:
  void add(int64_t row);
  void catch_up();

  CpuEngine::State& s_;
  const int64_t replica_;
  std::vector<kernels::AdamChunk> steps_;  // of the segment; where they apply is in the chunks
  std::vector<int32_t> made_;              // [vocab] how many of them each row has made
  std::vector<kernels::LateChunk> chunks_;
};

}  // namespace lrdist
