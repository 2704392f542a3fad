#include "cuda_graph.h"

#include <utility>

namespace lrdist::cuda {

CapturedGraph::CapturedGraph(std::shared_ptr<PrimaryContext> context, CUgraph_st* graph) : context_(std::move(context)) {
  const int result = driver().cuGraphInstantiateWithFlags(&executable_, graph, 0);
  driver().cuGraphDestroy(graph);
  check(result, "making a graph");
}

CapturedGraph::~CapturedGraph() { driver().cuGraphExecDestroy(executable_); }

void CapturedGraph::launch(CUstream_st* stream) const { check(driver().cuGraphLaunch(executable_, stream), "starting a graph"); }

Capture::Capture(CUstream_st* stream) : stream_(stream) { check(driver().cuStreamBeginCapture_v2(stream, capture_mode_thread_local), "beginning a graph"); }

Capture::~Capture() {
  if (!stream_) return;
  CUgraph_st* graph = nullptr;
  driver().cuStreamEndCapture(stream_, &graph);
  if (graph) driver().cuGraphDestroy(graph);
}

std::unique_ptr<Graph> Capture::end(std::shared_ptr<PrimaryContext> context) {
  CUgraph_st* graph = nullptr;
  check(driver().cuStreamEndCapture(std::exchange(stream_, nullptr), &graph), "ending a graph");
  return std::make_unique<CapturedGraph>(std::move(context), graph);
}

}  // namespace lrdist::cuda
