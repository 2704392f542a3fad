// The CUDA driver, libcuda.so.1, opened when it is first needed: nothing here needs CUDA's headers or libraries, so one addon serves machines
// with and without a GPU. Declarations are our own, under the names that the library exports; a test compares them with cuda.h.
#pragma once

#include <cstddef>
#include <string>

struct CUctx_st;
struct CUmod_st;
struct CUfunc_st;
struct CUstream_st;
struct CUevent_st;
struct CUgraph_st;
struct CUgraphExec_st;

namespace lrdist::cuda {

using DeviceAddress = unsigned long long;

// Enumerations are passed as int. All return a CUresult.
#define LRDIST_DRIVER_FUNCTIONS(F)                                                                                                                       \
  F(cuInit, unsigned flags)                                                                                                                              \
  F(cuDriverGetVersion, int* version)                                                                                                                    \
  F(cuGetErrorName, int error, const char** name)                                                                                                        \
  F(cuGetErrorString, int error, const char** text)                                                                                                      \
  F(cuDeviceGetCount, int* count)                                                                                                                        \
  F(cuDeviceGet, int* device, int ordinal)                                                                                                               \
  F(cuDeviceGetName, char* name, int bytes, int device)                                                                                                  \
  F(cuDeviceGetAttribute, int* value, int attribute, int device)                                                                                         \
  F(cuDeviceTotalMem_v2, size_t* bytes, int device)                                                                                                      \
  F(cuDevicePrimaryCtxRetain, CUctx_st** context, int device)                                                                                            \
  F(cuDevicePrimaryCtxRelease_v2, int device)                                                                                                            \
  F(cuCtxSetCurrent, CUctx_st* context)                                                                                                                  \
  F(cuMemGetInfo_v2, size_t* free, size_t* total)                                                                                                        \
  F(cuMemAlloc_v2, DeviceAddress* address, size_t bytes)                                                                                                 \
  F(cuMemFree_v2, DeviceAddress address)                                                                                                                 \
  F(cuMemHostAlloc, void** address, size_t bytes, unsigned flags)                                                                                        \
  F(cuMemFreeHost, void* address)                                                                                                                        \
  F(cuMemsetD8Async, DeviceAddress address, unsigned char value, size_t bytes, CUstream_st* stream)                                                      \
  F(cuMemcpyHtoDAsync_v2, DeviceAddress to, const void* from, size_t bytes, CUstream_st* stream)                                                         \
  F(cuMemcpyDtoHAsync_v2, void* to, DeviceAddress from, size_t bytes, CUstream_st* stream)                                                               \
  F(cuMemcpyDtoDAsync_v2, DeviceAddress to, DeviceAddress from, size_t bytes, CUstream_st* stream)                                                       \
  F(cuModuleLoadData, CUmod_st** module, const void* image)                                                                                              \
  F(cuModuleUnload, CUmod_st* module)                                                                                                                    \
  F(cuModuleGetFunction, CUfunc_st** function, CUmod_st* module, const char* name)                                                                       \
  F(cuFuncGetAttribute, int* value, int attribute, CUfunc_st* function)                                                                                  \
  F(cuFuncSetAttribute, CUfunc_st* function, int attribute, int value)                                                                                   \
  F(cuLaunchKernel, CUfunc_st* function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x, unsigned block_y, unsigned block_z,        \
    unsigned shared_bytes, CUstream_st* stream, void** parameters, void** extra)                                                                         \
  F(cuStreamCreate, CUstream_st** stream, unsigned flags)                                                                                                \
  F(cuStreamDestroy_v2, CUstream_st* stream)                                                                                                             \
  F(cuStreamSynchronize, CUstream_st* stream)                                                                                                            \
  F(cuStreamBeginCapture_v2, CUstream_st* stream, int mode)                                                                                              \
  F(cuStreamEndCapture, CUstream_st* stream, CUgraph_st** graph)                                                                                         \
  F(cuGraphInstantiateWithFlags, CUgraphExec_st** executable, CUgraph_st* graph, unsigned long long flags)                                               \
  F(cuGraphLaunch, CUgraphExec_st* executable, CUstream_st* stream)                                                                                      \
  F(cuGraphExecDestroy, CUgraphExec_st* executable)                                                                                                      \
  F(cuGraphDestroy, CUgraph_st* graph)                                                                                                                   \
  F(cuEventCreate, CUevent_st** event, unsigned flags)                                                                                                   \
  F(cuStreamWaitEvent, CUstream_st* stream, CUevent_st* event, unsigned flags)                                                                           \
  F(cuEventRecord, CUevent_st* event, CUstream_st* stream)                                                                                               \
  F(cuEventQuery, CUevent_st* event)                                                                                                                     \
  F(cuEventSynchronize, CUevent_st* event)                                                                                                               \
  F(cuEventDestroy_v2, CUevent_st* event)

struct Driver {
#define LRDIST_MEMBER(name, ...) int (*name)(__VA_ARGS__) = nullptr;
  LRDIST_DRIVER_FUNCTIONS(LRDIST_MEMBER)
#undef LRDIST_MEMBER
  int version = 0;  // 1000 * major + 10 * minor of the newest CUDA that it supports
};

// Values of cuda.h's enumerations.
enum Result : int {
  result_success = 0,
  result_out_of_memory = 2,
  result_no_device = 100,
  result_ecc_uncorrectable = 214,
  result_nvlink_uncorrectable = 220,
  result_contained = 226,
  result_not_ready = 600,
  result_illegal_address = 700,
  result_launch_timeout = 702,
  result_context_is_destroyed = 709,
  result_assert = 710,
  result_hardware_stack_error = 714,
  result_illegal_instruction = 715,
  result_misaligned_address = 716,
  result_invalid_address_space = 717,
  result_invalid_pc = 718,
  result_launch_failed = 719,
  result_mps_rpc_failure = 806,
  result_mps_client_terminated = 810,
  result_external_device = 911,
  result_unknown = 999
};
constexpr int attribute_compute_capability_major = 75, attribute_compute_capability_minor = 76;
constexpr int function_max_threads_per_block = 0, function_shared_size_bytes = 1, function_max_dynamic_shared_size_bytes = 8;
constexpr unsigned event_blocking_sync = 1, event_disable_timing = 2, stream_non_blocking = 1;
constexpr int capture_mode_thread_local = 1;

// Opened and initialised. Throws ERR_DEVICE_UNAVAILABLE; the next call tries again.
const Driver& driver();
// "13.0"
std::string cuda_version_text(int version);
// The error's name and what the driver says about it.
std::string error_text(int result);
// What went wrong with a device that worked before is its loss: no later call on it succeeds.
bool says_device_lost(int result);
// Throws ERR_OUT_OF_MEMORY, ERR_DEVICE_LOST, ERR_DEVICE_UNAVAILABLE, or else `code`. `what` was done when it happened: "copying to the device".
void check(int result, const char* what, const char* code = "ERR_DEVICE_UNAVAILABLE");

}  // namespace lrdist::cuda
