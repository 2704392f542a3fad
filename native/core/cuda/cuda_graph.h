// Graphs by the driver's stream capture.
#pragma once

#include "cuda_memory.h"

namespace lrdist::cuda {

class CapturedGraph final : public Graph {
 public:
  CapturedGraph(std::shared_ptr<PrimaryContext> context, CUgraph_st* graph);
  ~CapturedGraph() override;
  void launch(CUstream_st* stream) const;

 private:
  std::shared_ptr<PrimaryContext> context_;
  CUgraphExec_st* executable_ = nullptr;
};

// From its making to end(), or to its end when an exception comes first, the stream's work is captured. Other threads may use the device meanwhile.
class Capture {
 public:
  explicit Capture(CUstream_st* stream);
  ~Capture();
  Capture(const Capture&) = delete;
  std::unique_ptr<Graph> end(std::shared_ptr<PrimaryContext> context);

 private:
  CUstream_st* stream_;
};

}  // namespace lrdist::cuda
