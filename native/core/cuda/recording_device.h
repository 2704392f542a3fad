// What both devices have in common: calls are checked, then run, or kept while a graph is recorded.
#pragma once

#include <map>
#include <memory>
#include <variant>
#include <vector>

#include "device.h"

namespace lrdist::cuda {

struct KernelCall {
  const char* name;  // a constant of the program
  Grid grid;
  std::vector<std::byte> arguments;
};
struct Product {
  Matrices out, a, b;
  bool transpose_a, transpose_b;
  int64_t replicas;
  bool accumulate;
  int64_t inner() const { return transpose_a ? a.rows : a.columns; }
};
struct Clear {
  void* to;
  int64_t bytes;
};
struct Copy {
  void* to;
  const void* from;
  int64_t bytes;
};
using Call = std::variant<KernelCall, Product, Clear, Copy>;

// Host memory that transfers reach without waiting.
class PinnedRanges {
 public:
  void add(const void* data, int64_t bytes) { bytes_[static_cast<const char*>(data)] = bytes; }
  void remove(const void* data) { bytes_.erase(static_cast<const char*>(data)); }
  bool contain(const void* data) const;

 private:
  std::map<const char*, int64_t> bytes_;
};

class RecordingDevice : public Device {
 public:
  void multiply(const Matrices& out, const Matrices& a, bool transpose_a, const Matrices& b, bool transpose_b, int64_t replicas, bool accumulate) final;
  void clear(void* to, int64_t bytes) final;
  void copy(void* to, const void* from, int64_t bytes) final;
  void upload(void* to, const void* from, int64_t bytes) final;
  void download(void* to, const void* from, int64_t bytes) final;
  std::unique_ptr<Mark> mark() final;
  void synchronize() final;
  int64_t synchronizations() const final { return synchronizations_; }
  // A recording that was left by an exception is forgotten.
  void begin_graph() final;
  std::unique_ptr<Graph> end_graph() final;
  void drop_graph() final;
  void replay(const Graph& graph) final;

 protected:
  void launch_raw(const char* kernel, const Grid& grid, const void* arguments, size_t size) final;

  virtual void run(const KernelCall& call) = 0;
  virtual void run(const Product& product) = 0;
  virtual void run(const Clear& clear) = 0;
  virtual void run(const Copy& copy) = 0;
  void run_any(const Call& call) {
    std::visit([this](const auto& one) { run(one); }, call);
  }
  virtual std::unique_ptr<Graph> make_graph(std::vector<Call> calls) = 0;
  virtual void run_graph(const Graph& graph) = 0;
  virtual void to_device(void* to, const void* from, int64_t bytes) = 0;
  virtual void to_host(void* to, const void* from, int64_t bytes) = 0;
  virtual std::unique_ptr<Mark> make_mark() = 0;
  virtual void wait_for_all() = 0;

  // Shared with the pinned memory, which may outlive the device.
  const std::shared_ptr<PinnedRanges> pinned_ = std::make_shared<PinnedRanges>();

 private:
  void add(Call call);
  void wait_unless_pinned(const void* host);
  void outside_graph(const char* what);

  bool recording_ = false;
  std::vector<Call> calls_;
  int64_t synchronizations_ = 0;
};

}  // namespace lrdist::cuda
