// Our declarations of the driver against its header. Compiles or does not; nothing runs.
#include <cuda.h>

#include <type_traits>

#include "core/cuda/driver.h"

// Enumerations are int on our side.
template <class T>
using Plain = std::conditional_t<std::is_enum_v<T>, int, T>;

template <class R, class... Theirs, class S, class... Ours>
constexpr bool same(R (*)(Theirs...), S (*)(Ours...)) {
  if constexpr (sizeof...(Theirs) == sizeof...(Ours)) {
    return std::is_same_v<Plain<R>, S> && (std::is_same_v<Plain<Theirs>, Ours> && ...);
  } else {
    return false;
  }
}

#define COMPARE(name, ...) static_assert(same(decltype(&::name){}, decltype(lrdist::cuda::Driver::name){}), #name);
LRDIST_DRIVER_FUNCTIONS(COMPARE)

using namespace lrdist::cuda;
#define SAME(ours, theirs) static_assert(static_cast<int>(ours) == static_cast<int>(theirs), #ours);
SAME(result_success, CUDA_SUCCESS)
SAME(result_out_of_memory, CUDA_ERROR_OUT_OF_MEMORY)
SAME(result_no_device, CUDA_ERROR_NO_DEVICE)
SAME(result_ecc_uncorrectable, CUDA_ERROR_ECC_UNCORRECTABLE)
SAME(result_nvlink_uncorrectable, CUDA_ERROR_NVLINK_UNCORRECTABLE)
SAME(result_not_ready, CUDA_ERROR_NOT_READY)
SAME(result_contained, CUDA_ERROR_CONTAINED)
SAME(result_illegal_address, CUDA_ERROR_ILLEGAL_ADDRESS)
SAME(result_launch_timeout, CUDA_ERROR_LAUNCH_TIMEOUT)
SAME(result_context_is_destroyed, CUDA_ERROR_CONTEXT_IS_DESTROYED)
SAME(result_assert, CUDA_ERROR_ASSERT)
SAME(result_hardware_stack_error, CUDA_ERROR_HARDWARE_STACK_ERROR)
SAME(result_illegal_instruction, CUDA_ERROR_ILLEGAL_INSTRUCTION)
SAME(result_misaligned_address, CUDA_ERROR_MISALIGNED_ADDRESS)
SAME(result_invalid_address_space, CUDA_ERROR_INVALID_ADDRESS_SPACE)
SAME(result_invalid_pc, CUDA_ERROR_INVALID_PC)
SAME(result_mps_rpc_failure, CUDA_ERROR_MPS_RPC_FAILURE)
SAME(result_mps_client_terminated, CUDA_ERROR_MPS_CLIENT_TERMINATED)
SAME(result_external_device, CUDA_ERROR_EXTERNAL_DEVICE)
SAME(result_launch_failed, CUDA_ERROR_LAUNCH_FAILED)
SAME(result_unknown, CUDA_ERROR_UNKNOWN)
SAME(attribute_compute_capability_major, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)
SAME(attribute_compute_capability_minor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)
SAME(function_max_threads_per_block, CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK)
SAME(function_shared_size_bytes, CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES)
SAME(function_max_dynamic_shared_size_bytes, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES)
SAME(event_blocking_sync, CU_EVENT_BLOCKING_SYNC)
SAME(event_disable_timing, CU_EVENT_DISABLE_TIMING)
SAME(stream_non_blocking, CU_STREAM_NON_BLOCKING)
SAME(capture_mode_thread_local, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL)
