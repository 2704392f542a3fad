// A group's exchange between GPUs.
#pragma once

#include <memory>

#include "group.h"

struct CUstream_st;

namespace lrdist::cuda {

// To be made by all ranks of the group, each on its device's thread. Works on `stream`, and ends before it.
// Throws ERR_DEVICE_UNAVAILABLE without NCCL, ERR_DEVICE_LOST, PeerFailed.
std::unique_ptr<Communicator> make_nccl_communicator(Group& group, int rank, CUstream_st* stream);

}  // namespace lrdist::cuda
