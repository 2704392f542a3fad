#include "classifier_pass.h"

#include "launch_heads.h"
#include "launch_pointwise.h"

namespace lrdist::cuda {
namespace {

struct HeadFacts {
  const HeadSpec& spec;
  const HeadTensors& tensors;
  int64_t h, n;
};

HeadFacts facts_of(const Pass& pass, int64_t head) {
  return {pass.layout.head_specs[static_cast<size_t>(head)], pass.layout.heads[static_cast<size_t>(head)], pass.layout.model.hidden, pass.batch.bucket.wanted};
}

Dropout dropout_of(const Pass& pass, int64_t head) {
  return pass.dropout_at(pass.layout.head_specs[static_cast<size_t>(head)].dropout, kernels::site_head + static_cast<uint32_t>(head));
}

LossKind kind_of(lrdist::Loss loss) {
  switch (loss) {
    case lrdist::Loss::double_softmax: return LossKind::double_softmax;
    case lrdist::Loss::mse: return LossKind::mse;
    case lrdist::Loss::distillation: return LossKind::distillation;
    default: return LossKind::cross_entropy;
  }
}

}  // namespace

Classification classify(const Pass& pass, int64_t head, const float* y_NH) {
  const auto [spec, tensors, h, n] = facts_of(pass, head);
  Classification c;
  if (spec.pooler) {
    c.pooled_NH = pass.arena.borrow<float>(pass.replicas * n * h);
    product(pass, matrices(y_NH, n, h), pass.matrix(pass.layout.pooler, h, h), c.pooled_NH, pass.replicas);
    BiasTanh a{};
    a.x = each<float>(c.pooled_NH, n * h);
    a.bias = pass.at(pass.layout.pooler_bias);
    a.weights = pass.weights.stride;
    a.count = pass.batch.at(RecordLayout::wanted);
    a.padded = static_cast<int>(n);
    a.width = static_cast<int>(h);
    bias_tanh(pass.device, a, pass.replicas);
  }
  const float* input = spec.pooler ? c.pooled_NH : y_NH;
  c.dropped_NH = input;
  const Dropout dropout = dropout_of(pass, head);
  if (dropout.threshold != 0) {
    float* dropped = pass.arena.borrow<float>(pass.replicas * n * h);
    DropoutRows a{};
    a.x = each<const float>(input, n * h);
    a.y = each<float>(dropped, n * h);
    a.dropout = dropout;
    a.rows = pass.batch.wanted();
    a.width = static_cast<int>(h);
    dropout_rows(pass.device, a, pass.replicas);
    c.dropped_NH = dropped;
  }
  c.logits = pass.arena.borrow<float>(pass.replicas * n * spec.outputs);
  Classifier a{};
  a.rows = pass.batch.wanted();
  a.width = static_cast<int>(h);
  a.outputs = static_cast<int>(spec.outputs);
  a.x = c.dropped_NH;
  a.x_stride = n * h;
  a.weight = pass.at(tensors.weight);
  a.bias = pass.at(tensors.bias);
  a.weight_stride = pass.weights.stride;
  a.logits = c.logits;
  a.logits_stride = n * spec.outputs;
  classifier(pass.device, a, static_cast<int>(pass.replicas));
  return c;
}

void classification_losses(const Pass& pass, const HeadTask& task, float* logits, bool gradient, float* losses) {
  const auto [spec, tensors, h, n] = facts_of(pass, task.head);
  lrdist::cuda::Loss a = loss_arguments(pass, task);
  a.chunk = static_cast<int>(n);
  a.width = static_cast<int>(spec.outputs);
  a.logits = logits;
  a.logits_stride = n * spec.outputs;
  a.gradient = gradient;
  a.weight = gradient ? pass.batch.weight() : nullptr;
  a.losses = losses;
  a.losses_stride = n;
  a.labels = reinterpret_cast<const float*>(pass.batch.at(pass.batch.layout.labels));
  a.teacher = task.teacher;
  a.teacher_stride = task.teacher_stride;
  a.dataset_row = pass.batch.at(pass.batch.layout.dataset_row);
  a.temperature = task.temperature;
  loss(pass.device, kind_of(task.loss), a, static_cast<int>(pass.replicas));
}

float* classification_backward(const Pass& pass, const HeadTask& task, const float* y_NH, const Learning& learning, float* losses) {
  const Layout& layout = pass.layout;
  const auto [spec, tensors, h, n] = facts_of(pass, task.head);
  const int replicas = static_cast<int>(pass.replicas);
  const Classification c = classify(pass, task.head, y_NH);
  classification_losses(pass, task, c.logits, true, losses);

  ClassifierWeights w{};
  w.rows = pass.batch.wanted();
  w.width = static_cast<int>(h);
  w.outputs = static_cast<int>(spec.outputs);
  w.x = c.dropped_NH;
  w.dlogits = c.logits;
  w.x_stride = n * h;
  w.dlogits_stride = n * spec.outputs;
  w.dweight = pass.gradient_if(tensors.weight, learning);
  w.dbias = pass.gradient_if(tensors.bias, learning);
  if (w.dweight.to || w.dbias.to) classifier_weights(pass.device, w, replicas);

  const bool encoder = lowest_learning(layout, learning) < layout.model.layers;
  const bool pooler = spec.pooler && learning.any({layout.pooler, layout.pooler_bias});
  if (!encoder && !pooler) return nullptr;

  float* dinput = pass.arena.borrow<float>(pass.replicas * n * h);
  ClassifierInput d{};
  d.rows = pass.batch.wanted();
  d.width = static_cast<int>(h);
  d.outputs = static_cast<int>(spec.outputs);
  d.dlogits = c.logits;
  d.dlogits_stride = n * spec.outputs;
  d.weight = pass.at(tensors.weight);
  d.weight_stride = pass.weights.stride;
  d.dropout = dropout_of(pass, task.head);
  d.pooled = c.pooled_NH;
  d.pooled_stride = n * h;
  d.dx = dinput;
  d.dx_stride = n * h;
  classifier_input(pass.device, d, replicas);
  if (!spec.pooler) return dinput;

  if (learning(layout.pooler_bias)) {
    const Arena::Scope scope(pass.arena);
    ColumnSums<float> sums{};
    sums.d = each<const float>(dinput, n * h);
    sums.count = pass.batch.at(RecordLayout::wanted);
    sums.padded = static_cast<int>(n);
    sums.width = static_cast<int>(h);
    sums.parts = 1;
    sums.to[0] = pass.gradient(layout.pooler_bias);
    const int64_t floats = sums_workspace(n, h, pass.replicas);
    column_sums(pass.device, sums, pass.replicas, {pass.arena.borrow<float>(floats), floats});
  }
  weight_product(pass, matrices(dinput, n, h), matrices(y_NH, n, h), layout.pooler, learning);
  if (!encoder) return nullptr;
  float* dy = pass.arena.borrow<float>(pass.replicas * n * h);
  input_product(pass, matrices(dinput, n, h), pass.matrix(layout.pooler, h, h), dy, false);
  return dy;
}

}  // namespace lrdist::cuda
