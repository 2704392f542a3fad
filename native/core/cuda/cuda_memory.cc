#include "cuda_memory.h"

#include <exception>

namespace lrdist::cuda {

PrimaryContext::PrimaryContext(int ordinal) {
  check(driver().cuDeviceGet(&device_, ordinal), "opening the GPU");
  check(driver().cuDevicePrimaryCtxRetain(&context_, device_), "opening the GPU");
}

PrimaryContext::~PrimaryContext() { driver().cuDevicePrimaryCtxRelease_v2(device_); }

void PrimaryContext::make_current() const { check(driver().cuCtxSetCurrent(context_), "turning to the GPU"); }

void PrimaryContext::make_current_if_possible() const noexcept { driver().cuCtxSetCurrent(context_); }

SideStream::SideStream(std::shared_ptr<PrimaryContext> context) : context_(std::move(context)) {
  context_->make_current();
  check(driver().cuStreamCreate(&handle_, stream_non_blocking), "making a queue of the GPU");
}

SideStream::~SideStream() { driver().cuStreamDestroy_v2(handle_); }

PinnedMemory::PinnedMemory(std::shared_ptr<PrimaryContext> context, std::shared_ptr<PinnedRanges> ranges, int64_t bytes)
    : context_(std::move(context)), ranges_(std::move(ranges)) {
  check(driver().cuMemHostAlloc(&data_, static_cast<size_t>(bytes), 0), "allocating pinned memory");
  bytes_ = bytes;
  ranges_->add(data_, bytes);
}

PinnedMemory::~PinnedMemory() {
  ranges_->remove(data_);
  driver().cuMemFreeHost(data_);
}

EventMark::EventMark(std::shared_ptr<PrimaryContext> context, CUstream_st* stream) : context_(std::move(context)) {
  check(driver().cuEventCreate(&event_, event_blocking_sync | event_disable_timing), "making an event");
  check(driver().cuEventRecord(event_, stream), "recording an event");
}

EventMark::~EventMark() { driver().cuEventDestroy_v2(event_); }

bool EventMark::passed() const {
  const int result = driver().cuEventQuery(event_);
  if (result == result_not_ready) return false;
  check(result, "asking for an event");
  return true;
}

void EventMark::hold_back(CUstream_st* stream) const { check(driver().cuStreamWaitEvent(stream, event_, 0), "waiting for another queue of the GPU"); }

void EventMark::wait() const {
  const int result = driver().cuEventSynchronize(event_);
  // Destructors wait too. While an error is on its way a second one would end the process, and of a lost GPU the first has told.
  if (std::uncaught_exceptions() == 0) check(result, "waiting for an event");
}

}  // namespace lrdist::cuda
