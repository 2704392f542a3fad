#include "recording_device.h"

#include <cstring>

#include "../engine.h"

namespace lrdist::cuda {

namespace {

// Mistakes of the engine's own code.
[[noreturn]] void wrong(const std::string& text) { throw Error("ERR_NATIVE", text); }

void check(const Product& p) {
  const int64_t rows = p.transpose_a ? p.a.columns : p.a.rows, columns = p.transpose_b ? p.b.rows : p.b.columns;
  const int64_t inner_b = p.transpose_b ? p.b.columns : p.b.rows;
  if (p.out.rows != rows || p.out.columns != columns || p.inner() != inner_b) wrong("a product of matrices whose shapes do not fit");
  for (const Matrices* m : {&p.out, &p.a, &p.b}) {
    if (m->ld < m->columns) wrong("a product of a matrix whose rows overlap");
  }
  if (p.a.type != p.b.type || (p.out.type == Type::bf16 && p.a.type == Type::f32)) wrong("a product of matrices whose types do not fit");
  if (p.accumulate && p.out.type == Type::bf16) wrong("a product that would accumulate in bf16");
  if (p.replicas > 1 && p.out.stride < (p.out.rows - 1) * p.out.ld + p.out.columns) wrong("a product of replicas that share their result");
}

}  // namespace

bool PinnedRanges::contain(const void* data) const {
  const char* at = static_cast<const char*>(data);
  auto after = bytes_.upper_bound(at);
  if (after == bytes_.begin()) return false;
  --after;
  return at < after->first + after->second;
}

void RecordingDevice::wait_unless_pinned(const void* host) {
  if (!pinned_->contain(host)) synchronize();
}

void RecordingDevice::add(Call call) {
  if (recording_) {
    calls_.push_back(std::move(call));
  } else {
    run_any(call);
  }
}

void RecordingDevice::launch_raw(const char* kernel, const Grid& grid, const void* arguments, size_t size) {
  KernelCall call{kernel, grid, std::vector<std::byte>(size)};
  std::memcpy(call.arguments.data(), arguments, size);
  add(std::move(call));
}

void RecordingDevice::multiply(const Matrices& out, const Matrices& a, bool transpose_a, const Matrices& b, bool transpose_b, int64_t replicas,
                               bool accumulate) {
  const Product product{out, a, b, transpose_a, transpose_b, replicas, accumulate};
  check(product);
  if (replicas > 0 && out.rows > 0 && out.columns > 0) add(product);
}

void RecordingDevice::clear(void* to, int64_t bytes) {
  if (bytes > 0) add(Clear{to, bytes});
}

void RecordingDevice::copy(void* to, const void* from, int64_t bytes) {
  if (bytes > 0) add(Copy{to, from, bytes});
}

void RecordingDevice::outside_graph(const char* what) {
  if (!recording_) return;
  recording_ = false;
  calls_.clear();
  wrong(std::string(what) + " cannot be part of a graph");
}

void RecordingDevice::upload(void* to, const void* from, int64_t bytes) {
  outside_graph("an upload");
  if (bytes <= 0) return;
  to_device(to, from, bytes);
  wait_unless_pinned(from);
}

void RecordingDevice::download(void* to, const void* from, int64_t bytes) {
  outside_graph("a download");
  if (bytes <= 0) return;
  to_host(to, from, bytes);
  wait_unless_pinned(to);
}

std::unique_ptr<Mark> RecordingDevice::mark() {
  outside_graph("a mark");
  return make_mark();
}

void RecordingDevice::synchronize() {
  outside_graph("a wait");
  ++synchronizations_;
  wait_for_all();
}

void RecordingDevice::begin_graph() {
  calls_.clear();
  recording_ = true;
}

std::unique_ptr<Graph> RecordingDevice::end_graph() {
  if (!recording_) wrong("the end of a graph that was not begun");
  recording_ = false;
  return make_graph(std::move(calls_));
}

void RecordingDevice::drop_graph() {
  recording_ = false;
  calls_.clear();
}

void RecordingDevice::replay(const Graph& graph) {
  outside_graph("a replay");
  run_graph(graph);
}

}  // namespace lrdist::cuda
