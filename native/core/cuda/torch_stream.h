// libtorch on a GPU through its device-neutral classes: no header of CUDA is needed, and the same source compiles against a libtorch without CUDA.
#pragma once

#include <c10/core/Stream.h>
#include <c10/util/Exception.h>

#include <cstdint>
#include <string>

#include "driver.h"

namespace lrdist::cuda {

// Whether CUDA's half of libtorch is loaded.
bool libtorch_has_cuda();
// The driver's handle of libtorch's stream.
CUstream_st* handle_of(const c10::Stream& stream);
// How many allocations libtorch has made on a device so far.
int64_t allocations_so_far(c10::DeviceIndex device);
// Of the GPU's memory: freed, and kept by libtorch for later; it can be given back.
int64_t kept_bytes(c10::DeviceIndex device);
// Gives that memory back to the driver, of all GPUs.
void release_kept_memory();

// Runs f, a call of libtorch. Out of memory and lost devices become Errors; `stream` tells whether the device is lost.
[[noreturn]] void throw_translated(const c10::Error& error, bool out_of_memory, CUstream_st* stream);
template <class F>
auto with_libtorch(CUstream_st* stream, const F& f) {
  try {
    return f();
  } catch (const c10::OutOfMemoryError& error) {
    throw_translated(error, true, stream);
  } catch (const c10::Error& error) {
    throw_translated(error, false, stream);
  }
}

}  // namespace lrdist::cuda
