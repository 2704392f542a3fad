// Stands in for NCCL: ranks are threads of one process and memory is the processor's. FAKE_NCCL_FAILS=N: the Nth exchange of the process (from 1) ends with
// an error.
#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/cuda/nccl.h"

using namespace lrdist::cuda;

namespace {

struct Exchange {
  void* data;
  size_t count;
  int type, operation;
};

std::mutex mutex;
std::condition_variable changed;
int exchanges = 0, ids = 0;

struct World {
  int ranks, joined = 0, arrived = 0, left = 0, rounds = 0;
  bool aborted = false;
  std::vector<const std::vector<Exchange>*> parts;
};
std::map<std::string, std::shared_ptr<World>> worlds;

thread_local std::vector<Exchange> waiting;
thread_local ncclComm* waiting_in = nullptr;

template <class T>
void combine(const std::vector<const std::vector<Exchange>*>& parts, size_t which) {
  const Exchange& like = (*parts[0])[which];
  for (size_t i = 0; i < like.count; ++i) {
    T value = static_cast<T*>(like.data)[i];
    for (size_t r = 1; r < parts.size(); ++r) {
      const T other = static_cast<T*>((*parts[r])[which].data)[i];
      value = like.operation == nccl_max ? std::max(value, other) : static_cast<T>(value + other);
    }
    for (const auto* part : parts) static_cast<T*>((*part)[which].data)[i] = value;
  }
}

}  // namespace

struct ncclComm {
  std::shared_ptr<World> world;
  int rank;
};

extern "C" {

int ncclGetVersion(int* version) {
  *version = 22903;
  return 0;
}

int ncclGetUniqueId(NcclId* id) {
  const std::lock_guard<std::mutex> lock(mutex);
  std::memset(id->bytes, 0, sizeof id->bytes);
  std::strcpy(id->bytes + 100, std::to_string(++ids).c_str());  // at the end, so that all bytes have to arrive
  return 0;
}

int ncclCommInitRank(ncclComm** communicator, int ranks, NcclId id, int rank) {
  std::unique_lock<std::mutex> lock(mutex);
  std::shared_ptr<World>& world = worlds[std::string(id.bytes, sizeof id.bytes)];
  if (!world) world = std::make_shared<World>(World{.ranks = ranks, .parts = std::vector<const std::vector<Exchange>*>(static_cast<size_t>(ranks))});
  *communicator = new ncclComm{world, rank};
  ++world->joined;
  changed.notify_all();
  const auto mine = world;
  changed.wait(lock, [&] { return mine->joined == ranks; });
  return 0;
}

int ncclCommDestroy(ncclComm* communicator) {
  delete communicator;
  return 0;
}

int ncclCommAbort(ncclComm* communicator) {
  const std::lock_guard<std::mutex> lock(mutex);
  communicator->world->aborted = true;
  changed.notify_all();
  return 0;  // not freed: the thread that waits in it still reads it
}

int ncclCommGetAsyncError(ncclComm*, int* result) {
  *result = 0;
  return 0;
}

int ncclGroupStart() {
  waiting.clear();
  waiting_in = nullptr;
  return 0;
}

int ncclAllReduce(const void* from, void* to, size_t count, int type, int operation, ncclComm* communicator, CUstream_st*) {
  if (from != to) return 4;
  waiting.push_back({to, count, type, operation});
  waiting_in = communicator;
  return 0;
}

int ncclGroupEnd() {
  if (!waiting_in) return 0;
  std::unique_lock<std::mutex> lock(mutex);
  World& world = *waiting_in->world;
  const char* fails = std::getenv("FAKE_NCCL_FAILS");
  if (++exchanges == (fails ? std::atoi(fails) : 0)) return 6;
  world.parts[static_cast<size_t>(waiting_in->rank)] = &waiting;
  const int round = world.rounds;
  if (++world.arrived == world.ranks) {
    for (size_t i = 0; i < waiting.size(); ++i) {
      if (waiting[i].type == nccl_float32) combine<float>(world.parts, i);
      if (waiting[i].type == nccl_float64) combine<double>(world.parts, i);
      if (waiting[i].type == nccl_uint32) combine<unsigned>(world.parts, i);
    }
    world.arrived = 0;
    ++world.rounds;
    changed.notify_all();
    return 0;
  }
  changed.wait(lock, [&] { return world.rounds != round || world.aborted; });
  return world.rounds != round ? 0 : 6;
}

const char* ncclGetErrorString(int) { return "a failure that was asked for"; }
const char* ncclGetLastError(ncclComm*) { return ""; }
}
