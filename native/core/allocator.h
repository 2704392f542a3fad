// Large blocks of CPU memory, kept for the next tensor of about that size. A step makes the same tensors as the one before; the
// system's allocator would give each large one back, and its pages would be cleared and mapped again in every step.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace lrdist {

// Makes libtorch take its CPU memory here. Once per process, before any tensor.
void install_allocator();

// An arena [rows, columns] of zeros straight from the system: pages that are never touched (moments of words that never come) take no
// memory. Columns from `dense` on, which are used as a whole, get large pages.
at::Tensor zero_arena(int64_t rows, int64_t columns, int64_t dense);

// Gives kept blocks that nobody uses back to the system.
void release_kept_memory();

}  // namespace lrdist
