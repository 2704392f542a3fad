#include "head_pass.h"

#include "classifier_pass.h"
#include "language_pass.h"

namespace lrdist::cuda {

lrdist::cuda::Loss loss_arguments(const Pass& pass, const HeadTask& task) {
  lrdist::cuda::Loss a{};
  a.rows = pass.batch.wanted();
  a.labels_from_model = task.labels_from_model;
  a.key0 = static_cast<unsigned>(pass.seed);
  a.key1 = static_cast<unsigned>(pass.seed >> 32);
  a.step = pass.step;
  a.smoothing = task.label_smoothing;
  return a;
}

float* classification_logits(const Pass& pass, int64_t head, const float* y_NH) { return classify(pass, head, y_NH).logits; }

void head_losses(const Pass& pass, const HeadTask& task, const float* y_NH, float* losses) {
  const bool classification = pass.layout.head_specs[static_cast<size_t>(task.head)].kind == HeadKind::classification;
  if (classification) classification_losses(pass, task, classify(pass, task.head, y_NH).logits, false, losses);
  else language_losses(pass, task, y_NH, losses);
}

float* head_backward(const Pass& pass, const HeadTask& task, const float* y_NH, const Learning& learning, const unsigned* stamp, double* step_loss, bool add_loss) {
  const int64_t n = pass.batch.bucket.wanted;
  float* losses = pass.arena.borrow<float>(pass.replicas * n);
  const bool classification = pass.layout.head_specs[static_cast<size_t>(task.head)].kind == HeadKind::classification;
  float* dy = classification ? classification_backward(pass, task, y_NH, learning, losses) : language_backward(pass, task, y_NH, learning, stamp, losses);
  AccumulateLoss sum{};
  sum.count = pass.batch.at(RecordLayout::wanted);
  sum.losses = losses;
  sum.losses_stride = n;
  sum.weight = pass.batch.weight();
  sum.to = step_loss;
  sum.accumulate = add_loss;
  accumulate_loss(pass.device, sum, static_cast<int>(pass.replicas));
  return dy;
}

}  // namespace lrdist::cuda
