#include "memory_plan.h"

#include <algorithm>

namespace lrdist::cuda {
namespace {

// `low` is the size of a number that products read and write.
int64_t activations(const ModelSpec& m, int64_t low, const BatchSizes& b) {
  const int64_t h = m.hidden, i = m.intermediate, layers = m.layers;
  const int64_t factor = low == 4 ? 0 : low;  // hidden states rounded for products, beside the fp32 ones
  // Of each layer: its input, joint projections and context, then at the tokens that go on the states after attention and the two normalized sums,
  // the feed-forward layer's derivative and output, and numbers by head or token.
  const int64_t layer = b.tokens * (h * (4 + factor) + 4 * h * low + 4 * m.heads) ;
  const int64_t onward = h * (2 * 4 + 4 + low) + 2 * i * low + 2 * 4;
  const int64_t kept = layers * layer + ((layers - 1) * b.tokens + b.wanted) * onward + b.tokens * (h + 1) * 4;
  // At the widest place of the backward pass: gradients of two hidden states in fp32 and out of products, of the feed-forward layer, of projections.
  const int64_t passing = b.tokens * (4 * h * 4 + 2 * h * low + i * low + 3 * h * low);
  return kept + passing;
}

int64_t head_activations(const Layout& layout, const BatchSizes& b) {
  const int64_t h = layout.model.hidden;
  int64_t most = 0;
  for (const HeadSpec& head : layout.head_specs) {
    // A language model's logits and their gradient, and the transform's states; a classifier's pooled states and logits.
    const int64_t bytes = head.kind == HeadKind::masked_lm ? b.wanted * (2 * layout.model.vocab + 6 * h) * 4 : b.rows * (6 * h + 2 * head.outputs) * 4;
    most = std::max(most, bytes);
  }
  return most;
}

}  // namespace

int64_t wanted_tokens(const Layout& layout, int64_t tokens, int64_t rows) {
  const bool language = std::any_of(layout.head_specs.begin(), layout.head_specs.end(), [](const HeadSpec& h) { return h.kind == HeadKind::masked_lm; });
  return language ? std::max(rows, tokens / 4) : rows;
}

ReplicaBytes bytes_of_weights(const Layout& layout, Precision precision) {
  ReplicaBytes bytes;
  bytes.weights = layout.size * 4 + 4;
  if (precision == Precision::bf16) bytes.weights += (layout.size - layout.factors_begin()) * 2;
  return bytes;
}

int64_t bytes_of_moments(const Layout& layout) { return 2 * layout.size * 4 + layout.count() * 4 + layout.model.vocab; }

ReplicaBytes bytes_of_training(const Layout& layout, Precision precision, const BatchSizes& batch, const Plan* plan, int64_t slots) {
  ReplicaBytes bytes = bytes_of_weights(layout, precision);
  bytes.moments = bytes_of_moments(layout);
  bytes.gradients = layout.size * 4;
  if (plan && std::any_of(plan->transforms.begin(), plan->transforms.end(), [](const Transform& t) { return t.kind == TransformKind::mixout; })) {
    bytes.mixed = bytes_of_weights(layout, precision).weights;
  }
  bytes.slots = slots * layout.size * 4;
  bytes.activations = activations(layout.model, precision == Precision::bf16 ? 2 : 4, batch) + head_activations(layout, batch);
  return bytes;
}

int64_t reserve(int64_t free) { return std::min(free / 20, int64_t{1} << 30); }

int64_t replicas_that_fit(int64_t free, int64_t wanted, int64_t bytes_of_one) {
  return std::clamp<int64_t>((free - reserve(free)) / std::max<int64_t>(bytes_of_one, 1), 0, wanted);
}

Error does_not_fit(const std::string& what, int64_t wanted, int64_t fitting, const std::string& device) {
  const auto replicas = [](int64_t n) { return std::to_string(n) + (n == 1 ? " replica" : " replicas"); };
  const std::string room = fitting == 0 ? "not even one fits; use a smaller batch or a smaller model" : "there is room for " + replicas(fitting) + "; use fewer replicas or a smaller batch";
  return Error("ERR_OUT_OF_MEMORY", what + " of " + replicas(wanted) + " find no room on " + device + ": " + room);
}

}  // namespace lrdist::cuda
