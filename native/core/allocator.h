// Large blocks of CPU memory, kept for the next tensor of about that size. A step makes the same tensors as the one before; the
// system's allocator would give each large one back, and its pages would be cleared and mapped again in every step.
#pragma once

#include <cstdint>

namespace lrdist {

// Makes libtorch take its CPU memory here. Once per process, before any tensor.
void install_allocator();

// Gives kept blocks that nobody uses back to the system.
void release_kept_memory();

// Bytes of kept blocks that nobody uses.
int64_t kept_memory();

}  // namespace lrdist
