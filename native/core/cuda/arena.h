// Room for the tensors of one pass in a block of device memory: kept ones from the bottom up, passing ones from the top down. Offsets depend on the calls
// alone, so a pass that is planned without memory says how much the same pass needs.
#pragma once

#include <algorithm>
#include <cstdint>

namespace lrdist::cuda {

class Arena {
 public:
  // Without memory: for planning. Pointers are not to be followed.
  Arena() : Arena(reinterpret_cast<char*>(alignment), int64_t{1} << 50) {}
  Arena(void* data, int64_t bytes) : begin_(static_cast<char*>(data)), bottom_(begin_), top_(begin_ + bytes / alignment * alignment), end_(top_) {}

  // Until the arena's end.
  template <class T>
  T* keep(int64_t n) {
    char* at = bottom_;
    bottom_ += bytes_of<T>(n);
    note();
    return reinterpret_cast<T*>(at);
  }
  // Until the innermost scope ends.
  template <class T>
  T* borrow(int64_t n) {
    top_ -= bytes_of<T>(n);
    note();
    return reinterpret_cast<T*>(top_);
  }
  template <class T>
  T* place(bool kept, int64_t n) {
    return kept ? keep<T>(n) : borrow<T>(n);
  }

  class Scope {
   public:
    explicit Scope(Arena& arena) : arena_(arena), top_(arena.top_) {}
    ~Scope() { arena_.top_ = top_; }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Arena& arena_;
    char* const top_;
  };

  // Bytes that this much use needs.
  int64_t needed() const { return needed_; }

 private:
  static constexpr int64_t alignment = 256;
  template <class T>
  static int64_t bytes_of(int64_t n) {
    return (n * static_cast<int64_t>(sizeof(T)) + alignment - 1) / alignment * alignment;
  }
  void note() { needed_ = std::max(needed_, (bottom_ - begin_) + (end_ - top_)); }

  char *begin_, *bottom_, *top_, *end_;
  int64_t needed_ = 0;
};

}  // namespace lrdist::cuda
