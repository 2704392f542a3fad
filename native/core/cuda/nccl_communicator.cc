#include "nccl_communicator.h"

#include <cstring>
#include <mutex>

#include "nccl.h"

namespace lrdist::cuda {
namespace {

class NcclCommunicator final : public Communicator {
 public:
  NcclCommunicator(Group& group, int rank, CUstream_st* stream) : group_(group), stream_(stream) {
    const std::vector<char>& bytes = group.id([] {
      NcclId made;
      check_nccl(nccl().ncclGetUniqueId(&made), "preparing the exchange between GPUs");
      return std::vector<char>(made.bytes, made.bytes + sizeof made.bytes);
    });
    NcclId id;
    std::memcpy(id.bytes, bytes.data(), sizeof id.bytes);
    group.meet();  // NCCL waits without end for ranks that do not come
    check_nccl(nccl().ncclCommInitRank(&communicator_, group.size(), id, rank), "joining the exchange between GPUs");
    group.add(*this);
  }

  ~NcclCommunicator() override {
    group_.remove(*this);
    if (communicator_) nccl().ncclCommDestroy(communicator_);
  }

  void reduce(const std::vector<Reduction>& what) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!communicator_) throw PeerFailed();
    const Nccl& n = nccl();
    int failure = nccl_success;
    check_nccl(n.ncclCommGetAsyncError(communicator_, &failure), "asking for the state of the exchange between GPUs", communicator_);
    check_nccl(failure, "exchanging between GPUs", communicator_);
    check_nccl(n.ncclGroupStart(), "exchanging between GPUs", communicator_);
    for (const Reduction& r : what) {
      const int type = r.kind == ReductionKind::sum_f32 ? nccl_float32 : r.kind == ReductionKind::sum_f64 ? nccl_float64 : nccl_uint32;
      const int operation = r.kind == ReductionKind::max_u32 ? nccl_max : nccl_sum;
      const int result = n.ncclAllReduce(r.data, r.data, static_cast<size_t>(r.count), type, operation, communicator_, stream_);
      if (failure == nccl_success) failure = result;
    }
    const int end = n.ncclGroupEnd();
    check_nccl(failure == nccl_success ? end : failure, "exchanging between GPUs", communicator_);
  }

  // The kernels that wait on the GPU for another one end too.
  void abort() noexcept override {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (communicator_) nccl().ncclCommAbort(communicator_);
    communicator_ = nullptr;
  }

 private:
  Group& group_;
  CUstream_st* const stream_;
  std::mutex mutex_;
  ncclComm* communicator_ = nullptr;
};

}  // namespace

std::unique_ptr<Communicator> make_nccl_communicator(Group& group, int rank, CUstream_st* stream) {
  return std::make_unique<NcclCommunicator>(group, rank, stream);
}

}  // namespace lrdist::cuda
