#include "record_feed.h"

#include <algorithm>
#include <cstring>

namespace lrdist::cuda {

void advance(Device& device, Cursor* cursor, unsigned steps, unsigned batches) {
  Grid grid;
  grid.threads = 32;
  device.launch(advance_kernel, grid, AdvanceArguments{cursor, steps, batches});
}

RecordFeed::RecordFeed(Device& device) : device_(device), cursor_(device, 1) {}

void RecordFeed::begin(int64_t batches, unsigned step) {
  const Cursor start{step, 0, 0};
  device_.upload(cursor_.data(), &start, sizeof start);
  appended_ = 0;
  if (batches <= pointers_.size()) return;
  pointers_ = Array<const int*>(device_, batches);
  moved_ = true;
}

void RecordFeed::append(const std::vector<int32_t>& numbers, const std::vector<int64_t>& starts) {
  if (starts.empty()) return;  // batches without a masked token only
  // Everything that reads the other half has been put into the queue by now.
  if (turn_ > 0) halves_[(turn_ - 1) % 2].last_use = device_.mark();
  Half& half = halves_[turn_++ % 2];
  if (half.last_use) half.last_use->wait();
  const auto size = static_cast<int64_t>(numbers.size()), count = static_cast<int64_t>(starts.size());
  const int64_t bytes = size * static_cast<int64_t>(sizeof(int32_t)), pointer_bytes = count * static_cast<int64_t>(sizeof(const int*));
  if (size > half.records.size()) {
    half.records = Array<int32_t>(device_, size);
    half.host = device_.allocate_pinned(bytes);
  }
  if (count > half.pointers) {
    half.host_pointers = device_.allocate_pinned(pointer_bytes);
    half.pointers = count;
  }
  std::memcpy(half.host->as(), numbers.data(), static_cast<size_t>(bytes));
  auto* pointers = half.host_pointers->as<const int*>();
  for (int64_t i = 0; i < count; ++i) pointers[i] = half.records.data() + starts[static_cast<size_t>(i)];
  device_.upload(half.records.data(), half.host->as(), bytes);
  device_.upload(pointers_.data() + appended_, pointers, pointer_bytes);
  appended_ += count;
}

bool RecordFeed::reserve(const Bucket& bucket) {
  const int64_t size = RecordLayout(bucket).size;
  if (size <= place_.size()) return false;
  place_ = Array<int32_t>(device_, size);
  return true;
}

void RecordFeed::load(const Bucket& bucket) {
  const int size = RecordLayout(bucket).size;
  Grid grid;
  grid.threads = 256;
  grid.x = static_cast<unsigned>(std::clamp(size / 1024, 1, 64));
  device_.launch(load_record_kernel, grid, LoadRecordArguments{cursor_.data(), pointers_.data(), place_.data(), size});
}

}  // namespace lrdist::cuda
