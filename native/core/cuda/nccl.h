// NCCL, which comes with every CUDA libtorch from PyPI, opened when it is first needed. Declarations are our own, under the names that the library
// exports.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

struct CUstream_st;
struct ncclComm;

namespace lrdist::cuda {

struct NcclId {
  char bytes[128];
};

// Enumerations are passed as int. All but the texts return an ncclResult_t.
#define LRDIST_NCCL_FUNCTIONS(F)                                                                                                       \
  F(int, ncclGetVersion, int* version)                                                                                                 \
  F(int, ncclGetUniqueId, NcclId* id)                                                                                                  \
  F(int, ncclCommInitRank, ncclComm** communicator, int ranks, NcclId id, int rank)                                                    \
  F(int, ncclCommDestroy, ncclComm* communicator)                                                                                      \
  F(int, ncclCommAbort, ncclComm* communicator)                                                                                        \
  F(int, ncclCommGetAsyncError, ncclComm* communicator, int* result)                                                                   \
  F(int, ncclGroupStart, )                                                                                                             \
  F(int, ncclGroupEnd, )                                                                                                               \
  F(int, ncclAllReduce, const void* from, void* to, size_t count, int type, int operation, ncclComm* communicator, CUstream_st* stream) \
  F(const char*, ncclGetErrorString, int result)                                                                                       \
  F(const char*, ncclGetLastError, ncclComm* communicator)

struct Nccl {
#define LRDIST_MEMBER(type, name, ...) type (*name)(__VA_ARGS__) = nullptr;
  LRDIST_NCCL_FUNCTIONS(LRDIST_MEMBER)
#undef LRDIST_MEMBER
  std::string path;
};

// Values of nccl.h's enumerations.
constexpr int nccl_success = 0, nccl_uint32 = 3, nccl_float32 = 7, nccl_float64 = 8, nccl_sum = 0, nccl_max = 2;

// Looks in LRDIST_NCCL (a file), beside libtorch, in the folders of the NVIDIA packages beside torch, then where the system's linker looks.
// Throws ERR_DEVICE_UNAVAILABLE if there is none.
const Nccl& nccl();
// "2.29.3"
std::string nccl_version_text(int version);
// Throws ERR_DEVICE_LOST: a communicator cannot be used after an error. `what` was done when it happened.
void check_nccl(int result, const char* what, ncclComm* communicator = nullptr);

}  // namespace lrdist::cuda
