// A CUDA device's context, memory and marks.
#pragma once

#include <ATen/core/Tensor.h>

#include "driver.h"
#include "recording_device.h"

namespace lrdist::cuda {

// The context that libtorch uses too, kept as long as anything in it.
class PrimaryContext {
 public:
  explicit PrimaryContext(int ordinal);
  ~PrimaryContext();
  PrimaryContext(const PrimaryContext&) = delete;
  void make_current() const;
  // For destructors.
  void make_current_if_possible() const noexcept;

 private:
  int device_ = 0;
  CUctx_st* context_ = nullptr;
};

// A stream that libtorch does not know.
class SideStream {
 public:
  explicit SideStream(std::shared_ptr<PrimaryContext> context);
  ~SideStream();
  SideStream(const SideStream&) = delete;
  CUstream_st* handle() const { return handle_; }

 private:
  std::shared_ptr<PrimaryContext> context_;
  CUstream_st* handle_ = nullptr;
};

// From libtorch, whose allocator keeps freed memory for what comes next and for its own use.
class TensorMemory final : public DeviceMemory {
 public:
  explicit TensorMemory(at::Tensor bytes) : tensor_(std::move(bytes)) {
    data_ = tensor_.data_ptr();
    bytes_ = tensor_.numel();
  }

 private:
  at::Tensor tensor_;
};

// From the driver, so that it goes back at once and no stream has to be named.
class PinnedMemory final : public DeviceMemory {
 public:
  PinnedMemory(std::shared_ptr<PrimaryContext> context, std::shared_ptr<PinnedRanges> ranges, int64_t bytes);
  ~PinnedMemory() override;

 private:
  std::shared_ptr<PrimaryContext> context_;
  std::shared_ptr<PinnedRanges> ranges_;
};

class EventMark final : public Mark {
 public:
  EventMark(std::shared_ptr<PrimaryContext> context, CUstream_st* stream);
  ~EventMark() override;
  bool passed() const override;
  void wait() const override;
  void hold_back(CUstream_st* stream) const;

 private:
  std::shared_ptr<PrimaryContext> context_;
  CUevent_st* event_ = nullptr;
};

}  // namespace lrdist::cuda
