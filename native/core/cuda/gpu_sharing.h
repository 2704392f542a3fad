// What sessions on GPUs share, which work side by side in one process, each on a thread of its own: libtorch's settings, its streams, its memory.
#pragma once

#include <c10/core/Stream.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <mutex>
#include <shared_mutex>

namespace lrdist::cuda {

// libtorch's settings belong to the process: while this lives they are those of products in fp32 or tf32. Only sessions that differ in them wait for one
// another: a product may wait for its GPU, and that one for another GPU whose thread has products to put in order.
class ProductSettings {
 public:
  explicit ProductSettings(bool tf32);

 private:
  std::shared_lock<std::shared_mutex> lock_;
};

// A session's place on a GPU: a stream of libtorch's that no other session has. libtorch hands out its streams in turn and begins anew after 32, and a
// capture takes in whatever is put on its stream.
class GpuPlace {
 public:
  // Makes the GPU current. Throws ERR_DEVICE_UNAVAILABLE if every stream is taken.
  GpuPlace(const c10::impl::VirtualGuardImpl& libtorch, c10::Device device);
  ~GpuPlace();
  GpuPlace(const GpuPlace&) = delete;

  const c10::Stream& stream() const { return stream_; }
  // Held while libtorch may allocate on this GPU, so that a capture counts its own allocations alone.
  std::recursive_mutex& allocations() const;

 private:
  c10::Stream stream_;
};

// Of which sessions have a place now.
int gpus_in_use();

}  // namespace lrdist::cuda
