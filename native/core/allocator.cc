#include "allocator.h"

#include <ATen/ops/from_blob.h>
#include <c10/core/Allocator.h>
#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <new>

namespace lrdist {
namespace {

constexpr size_t smallest = size_t{64} << 10;  // below, the system's allocator is quick
constexpr size_t largest = size_t{256} << 20;  // above are arenas, which live long
constexpr size_t huge_page = size_t{2} << 20;

// Eight sizes for each power of two, so that batches of nearly the same length share blocks.
size_t rounded(size_t bytes) {
  size_t power = smallest;
  while (power * 2 <= bytes) power *= 2;
  const size_t step = power / 8;
  return (bytes + step - 1) / step * step;
}

// In front of each block: how large it is, header not counted; 0 if it is not to be kept.
struct alignas(64) Header {
  size_t size;
};

Header* header_of(void* data) { return static_cast<Header*>(data) - 1; }

Header* new_block(size_t bytes) {
  constexpr size_t line = alignof(Header);
  return static_cast<Header*>(std::aligned_alloc(line, sizeof(Header) + (bytes + line - 1) / line * line));
}

void advise_huge_pages(const void* data, size_t bytes) {
  const auto begin = (reinterpret_cast<uintptr_t>(data) + huge_page - 1) / huge_page * huge_page;
  const auto end = (reinterpret_cast<uintptr_t>(data) + bytes) / huge_page * huge_page;
  if (end > begin) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);  // a hint: it may fail
}

class Pool final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    void* data = take(bytes);
    return {data, data, &Pool::give_back, c10::Device(c10::DeviceType::CPU)};
  }

  c10::DeleterFnPtr raw_deleter() const override { return &Pool::give_back; }

  void copy_data(void* to, const void* from, size_t bytes) const override { std::memcpy(to, from, bytes); }

  void release() {
    const std::lock_guard lock(mutex_);
    for (const auto& [size, data] : kept_) std::free(header_of(data));
    kept_.clear();
  }

 private:
  void* take(size_t bytes) {
    const bool keeps = bytes >= smallest && bytes <= largest;
    const size_t size = keeps ? rounded(bytes) : bytes;
    if (keeps)
      if (void* data = take_kept(size)) return data;
    Header* header = new_block(size);
    if (!header) {
      release();  // what is kept may be what is missing
      header = new_block(size);
    }
    if (!header) throw std::bad_alloc();
    header->size = keeps ? size : 0;
    if (size >= huge_page) advise_huge_pages(header + 1, size);
    return header + 1;
  }

  // One up to an eighth too large.
  void* take_kept(size_t size) {
    const std::lock_guard lock(mutex_);
    const auto found = kept_.lower_bound(size);
    if (found == kept_.end() || found->first > size + size / 8) return nullptr;
    void* data = found->second;
    kept_.erase(found);
    return data;
  }

  static void give_back(void* data);

  std::mutex mutex_;
  std::multimap<size_t, void*> kept_;
};

Pool& pool() {
  static Pool* const one = new Pool;  // outlives every tensor
  return *one;
}

void Pool::give_back(void* data) {
  if (!data) return;
  Header* header = header_of(data);
  if (header->size == 0) {
    std::free(header);
    return;
  }
  Pool& p = pool();
  const std::lock_guard lock(p.mutex_);
  p.kept_.emplace(header->size, data);
}

}  // namespace

void install_allocator() {
#ifndef __SANITIZE_ADDRESS__  // which would not see what is wrong inside kept blocks
  static const bool installed = [] {
    c10::SetAllocator(c10::DeviceType::CPU, &pool(), 1);
    return true;
  }();
  static_cast<void>(installed);
#endif
}

at::Tensor zero_arena(int64_t rows, int64_t columns, int64_t dense) {
  const size_t bytes = static_cast<size_t>(rows * columns) * sizeof(float);
  void* data = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) throw std::bad_alloc();
  for (int64_t row = 0; row < rows; ++row)
    advise_huge_pages(static_cast<float*>(data) + row * columns + dense, static_cast<size_t>(columns - dense) * sizeof(float));
  return at::from_blob(data, {rows, columns}, [bytes](void* p) { munmap(p, bytes); }, at::TensorOptions().dtype(at::kFloat));
}

void release_kept_memory() { pool().release(); }

}  // namespace lrdist
