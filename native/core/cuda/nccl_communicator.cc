#include "nccl_communicator.h"

#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>

#include "nccl.h"

namespace lrdist::cuda {
namespace {

class NcclCommunicator final : public Communicator {
 public:
  NcclCommunicator(Group& group, int rank, CUstream_st* stream) : group_(group), stream_(stream) {
    const std::vector<char> bytes = group.id([] {
      NcclId made;
      check_nccl(nccl().ncclGetUniqueId(&made), "preparing the exchange between GPUs");
      return std::vector<char>(made.bytes, made.bytes + sizeof made.bytes);
    });
    NcclId id;
    std::memcpy(id.bytes, bytes.data(), sizeof id.bytes);
    group.meet();  // NCCL waits without end for ranks that do not come
    check_nccl(nccl().ncclCommInitRank(&communicator_, group.size(), id, rank), "joining the exchange between GPUs");
    if (!group.add(*this)) abort();
  }

  ~NcclCommunicator() override {
    group_.remove(*this);
    if (communicator_) nccl().ncclCommDestroy(communicator_);
  }

  void reduce(const std::vector<Reduction>& what) override {
    ncclComm* const communicator = enter();
    int failure = nccl_success;
    int result = nccl().ncclCommGetAsyncError(communicator, &failure);
    if (result == nccl_success) result = failure;
    if (result == nccl_success) result = enqueue(communicator, what);
    leave();
    check_nccl(result, "exchanging between GPUs", communicator);
  }

  // The kernels that wait on the GPU for another one end too.
  void abort() noexcept override {
    std::unique_lock<std::mutex> lock(mutex_);
    aborted_ = true;
    // A call that is under way ends at once, unless it waits for the rank that failed; NCCL can be told to give it up, but not to begin it any more.
    left_.wait_for(lock, std::chrono::seconds(1), [&] { return !inside_; });
    if (communicator_) nccl().ncclCommAbort(communicator_);
    communicator_ = nullptr;
  }

 private:
  ncclComm* enter() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (aborted_) throw PeerFailed();
    inside_ = true;
    return communicator_;
  }
  void leave() {
    const std::lock_guard<std::mutex> lock(mutex_);
    inside_ = false;
    left_.notify_all();
    if (aborted_) throw PeerFailed();
  }
  int enqueue(ncclComm* communicator, const std::vector<Reduction>& what) {
    const Nccl& n = nccl();
    int result = n.ncclGroupStart();
    if (result != nccl_success) return result;
    for (const Reduction& r : what) {
      const int type = r.kind == ReductionKind::sum_f32 ? nccl_float32 : r.kind == ReductionKind::sum_f64 ? nccl_float64 : nccl_uint32;
      const int operation = r.kind == ReductionKind::max_u32 ? nccl_max : nccl_sum;
      if (result == nccl_success) result = n.ncclAllReduce(r.data, r.data, static_cast<size_t>(r.count), type, operation, communicator, stream_);
    }
    const int end = n.ncclGroupEnd();
    return result == nccl_success ? end : result;
  }

  Group& group_;
  CUstream_st* const stream_;
  std::mutex mutex_;  // of what follows
  std::condition_variable left_;
  ncclComm* communicator_ = nullptr;
  bool inside_ = false, aborted_ = false;
};

}  // namespace

std::unique_ptr<Communicator> make_nccl_communicator(Group& group, int rank, CUstream_st* stream) {
  return std::make_unique<NcclCommunicator>(group, rank, stream);
}

}  // namespace lrdist::cuda
