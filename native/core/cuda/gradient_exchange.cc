#include "gradient_exchange.h"

#include "launch_embeddings.h"

namespace lrdist::cuda {
namespace {

struct Span {
  int64_t begin, end;
};

// Tensors that lie side by side are one span.
std::vector<Span> spans_of(const Layout& layout, const std::vector<uint8_t>& written, const Learning& learning) {
  std::vector<Span> spans;
  for (int32_t t = 0; t < static_cast<int32_t>(layout.count()); ++t) {
    if (!written[static_cast<size_t>(t)] || !learning(t)) continue;
    const TensorPlace& place = layout.tensors[static_cast<size_t>(t)];
    if (!spans.empty() && spans.back().end == place.offset) spans.back().end += place.size;
    else spans.push_back({place.offset, place.offset + place.size});
  }
  return spans;
}

void clear_words_not_met(Device& device, const Layout& layout, const StepGradients& g) {
  ClearUnstamped a{};
  a.table = each<float>(g.arena.data + layout.tensors[static_cast<size_t>(layout.word)].offset, g.arena.stride);
  a.rows = static_cast<int>(layout.model.vocab);
  a.width = static_cast<int>(layout.model.hidden);
  a.stamp = g.stamp;
  a.step = g.step;
  clear_unstamped(device, a, g.replicas);
}

}  // namespace

void exchange_gradients(Device& device, Communicator& communicator, const Layout& layout, const Learning& learning, const StepGradients& g) {
  std::vector<Reduction> what{{g.step_loss, g.replicas, ReductionKind::sum_f64}};
  if (g.arena.written[static_cast<size_t>(layout.word)] && learning(layout.word) && !g.arena.word_dense) {
    clear_words_not_met(device, layout, g);
    what.push_back({g.stamp, layout.model.vocab, ReductionKind::max_u32});
  }
  const std::vector<Span> spans = spans_of(layout, g.arena.written, learning);
  for (int64_t k = 0; k < g.replicas; ++k)
    for (const Span& span : spans) what.push_back({g.arena.data + k * g.arena.stride + span.begin, span.end - span.begin, ReductionKind::sum_f32});
  communicator.reduce(what);
}

}  // namespace lrdist::cuda
