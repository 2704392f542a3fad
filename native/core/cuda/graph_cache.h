// Recorded steps by what they do.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "device.h"

namespace lrdist::cuda {

class GraphCache {
 public:
  using Key = std::vector<int64_t>;

  // The graph for this key; recorded by `work` if there is none yet.
  const Graph& get(Device& device, const Key& key, const std::function<void()>& work) {
    std::unique_ptr<Graph>& graph = graphs_[key];
    if (graph) return *graph;
    device.begin_graph();
    try {
      work();
    } catch (...) {
      device.drop_graph();
      throw;
    }
    graph = device.end_graph();
    return *graph;
  }
  bool has(const Key& key) const {
    const auto found = graphs_.find(key);
    return found != graphs_.end() && found->second;
  }
  // Waits for those that are under way, on either queue.
  void clear(Device& device) {
    if (!graphs_.empty()) device.synchronize();
    graphs_.clear();
  }
  int64_t size() const { return static_cast<int64_t>(graphs_.size()); }

 private:
  std::map<Key, std::unique_ptr<Graph>> graphs_;
};

}  // namespace lrdist::cuda
