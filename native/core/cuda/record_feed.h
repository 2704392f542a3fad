// The records of a job's batches on their way to the device: some megabytes at a time, in two places that take turns, so that the next ones are packed
// and copied while the device works on the last.
#pragma once

#include <utility>
#include <memory>
#include <vector>

#include "../../kernels/cuda/tape.h"
#include "array.h"
#include "device_batch.h"

namespace lrdist::cuda {

// Moves a cursor on; belongs into graphs too. Numbers may wrap around.
void advance(Device& device, Cursor* cursor, unsigned steps, unsigned batches);

class RecordFeed {
 public:
  explicit RecordFeed(Device& device);

  // A job of at most `batches` batches begins; the cursor stands at `step` and at its first batch. In order with the queue.
  void begin(int64_t batches, unsigned step);
  // Appends the records of the next batches, which lie at `starts` in `numbers`. Waits only for the device to have left the place they go to.
  void append(const std::vector<int32_t>& numbers, const std::vector<int64_t>& starts);
  // Makes room for the records of a bucket at the place that graphs read. Returns true if that place moved: older graphs are void.
  bool reserve(const Bucket& bucket);

  // Puts the next batch's record in its place; belongs into a graph, as does moving on.
  void load(const Bucket& bucket);
  void advance(unsigned steps, unsigned batches) { cuda::advance(device_, cursor_.data(), steps, batches); }

  DeviceBatch batch(const Bucket& bucket) const { return DeviceBatch(bucket, place_.data()); }
  Cursor* cursor() const { return cursor_.data(); }
  const unsigned* step() const { return &cursor_.data()->step; }
  const unsigned* segment_step() const { return &cursor_.data()->segment_step; }
  int64_t bytes() const { return place_.bytes() + halves_[0].records.bytes() + halves_[1].records.bytes() + pointers_.bytes(); }
  // True once after the table of records moved.
  bool moved() { return std::exchange(moved_, false); }

 private:
  struct Half {
    Array<int32_t> records;
    std::unique_ptr<DeviceMemory> host, host_pointers;
    int64_t pointers = 0;  // room in host_pointers
    std::unique_ptr<Mark> last_use;
  };

  Device& device_;
  Array<Cursor> cursor_;
  Array<int32_t> place_;
  Array<const int*> pointers_;
  Half halves_[2];
  int64_t appended_ = 0, turn_ = 0;
  bool moved_ = false;
};

}  // namespace lrdist::cuda
