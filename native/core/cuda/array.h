// Typed arrays in the device's memory.
#pragma once

#include <vector>

#include "device.h"

namespace lrdist::cuda {

template <class T>
class Array {
 public:
  Array() = default;
  // Not cleared.
  Array(Device& device, int64_t size) : memory_(device.allocate(size * static_cast<int64_t>(sizeof(T)))), size_(size) {}

  T* data() const { return memory_ ? memory_->template as<T>() : nullptr; }
  int64_t size() const { return size_; }
  int64_t bytes() const { return size_ * static_cast<int64_t>(sizeof(T)); }
  explicit operator bool() const { return memory_ != nullptr; }

 private:
  std::unique_ptr<DeviceMemory> memory_;
  int64_t size_ = 0;
};

template <class T>
Array<T> cleared(Device& device, int64_t size) {
  Array<T> array(device, size);
  device.clear(array.data(), array.bytes());
  return array;
}

template <class T>
Array<T> uploaded(Device& device, const std::vector<T>& values) {
  Array<T> array(device, static_cast<int64_t>(values.size()));
  if (!values.empty()) device.upload(array.data(), values.data(), array.bytes());
  return array;
}

// Waits for the queue.
template <class T>
std::vector<T> downloaded(Device& device, const T* from, int64_t size) {
  std::vector<T> values(static_cast<size_t>(size));
  if (size > 0) device.download(values.data(), from, size * static_cast<int64_t>(sizeof(T)));
  return values;
}

}  // namespace lrdist::cuda
