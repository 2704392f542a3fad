// What comes after backward in a training step, for all replicas at once and without a decision on the host: penalties, norm, clipping, Adam. A step's
// calls can be recorded in a graph. Semantics: core/optimizer.cc, core/penalties.cc and the order of things in core/train.cc.
#pragma once

#include <memory>
#include <vector>

#include "device.h"
#include "update_rules.h"

namespace lrdist::cuda {

// bf16 copies: element i of replica k's arena is data[k * stride + i - begin]; begin and stride are multiples of 4.
struct LowArena {
  bfloat* data = nullptr;
  long long begin = 0, stride = 0;
  bool operator==(const LowArena&) const = default;
};

// The device's memory that updates work on. P = layout.size, T tensors.
struct UpdateBuffers {
  float *weights, *first, *second, *gradients;  // [K][P]
  LowArena low;                                 // of the weights, kept up to date if there
  float* mixed = nullptr;                       // [K][P], needed if uses_mixout(plan)
  LowArena mixed_low;                           // the same in bf16, if passes need it
  int* steps;                                   // [K][T], updates of each tensor so far
  unsigned char* touched;                       // [K][vocab]: word rows that had a gradient, marked here; moments of the others are zero
  unsigned* stamp;                              // [vocab]: *step + 1 where a row has a gradient in this step; cleared before a segment
  const unsigned* step;                         // of the dropout stream
  const unsigned* segment_step;                 // index in the segment
  const double* step_loss;                      // [K]
  int* alive;                                   // [K]: 0 once a loss or norm was not finite
  const double* factors;                        // [K][steps] or [K][steps][G]
  UpdateResults results;
};

// Whether passes read mixed weights in place of the replicas' own.
bool uses_mixout(const Plan& plan);

class Update {
 public:
  explicit Update(Device& device);
  ~Update();

  // Before the first step of every segment, outside graphs. Uploads the tables, whose sizes plan and segment must fit. Returns false if graphs that
  // were recorded before must not be replayed any more.
  bool begin_segment(const Layout& layout, const Plan& plan, const Segment& segment, uint64_t seed, int64_t replicas, const UpdateBuffers& buffers,
                     const SlotRow& slot);
  // For steps whose passes write these tensors [T]. word_dense: the word embedding's gradient is written as a whole (a tied decoder's). Outside graphs,
  // after begin_segment; the same again for the same arguments. Valid until begin_segment returns false.
  int64_t step_kind(const std::vector<uint8_t>& written, bool word_dense);

  // Whether passes read mixed weights: uses_mixout() of the plan of these replicas.
  bool mixes() const;
  // The two that belong into a step, and its graph. before_passes: mixed weights, if the plan uses them.
  void before_passes();
  void after_backward(int64_t step_kind);

  int64_t bytes() const;

 private:
  struct Tables;
  Device& device_;
  std::unique_ptr<Tables> tables_;
};

}  // namespace lrdist::cuda
