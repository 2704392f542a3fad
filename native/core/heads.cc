#include "heads.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>

#include "profile.h"

namespace lrdist {
namespace {

using at::Tensor;
using kernels::Rows;

float* data(const Tensor& t) { return t.mutable_data_ptr<float>(); }

Rows rows_of(const Selection& s) { return {s.count(), s.padded(), s.position.data(), s.slot.data()}; }

kernels::PhiloxBlock label_draw(const Pass& pass, const Selection& wanted, int64_t i) {
  return kernels::philox(0, static_cast<uint32_t>(wanted.position[i]) | kernels::site_labels << 16, static_cast<uint32_t>(wanted.slot[i]),
                         static_cast<uint32_t>(pass.step), static_cast<uint32_t>(pass.seed), static_cast<uint32_t>(pass.seed >> 32));
}

float uniform(uint32_t bits) { return static_cast<float>(bits >> 8) * 0x1p-24f; }

std::vector<int32_t> drawn_labels(const Pass& pass, const Batch& batch, const float* logits, int64_t first, int64_t count, int64_t width) {
  std::vector<float> u(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) u[i] = uniform(label_draw(pass, batch.wanted, first + i).x[0]);
  std::vector<int32_t> labels(static_cast<size_t>(count));
  kernels::sample_classes(logits, u.data(), count, width, labels.data());
  return labels;
}

// --- classification and regression

struct Classification {
  Tensor pooled_NH;   // tanh of the pooler, before dropout; undefined without a pooler
  Tensor dropped_NH;  // what the classifier sees
  std::vector<float> logits;
};

Classification classify(const Pass& pass, const Batch& batch, int64_t head, const Tensor& y_NH) {
  const Layout& layout = pass.layout;
  const HeadSpec& spec = layout.head_specs[static_cast<size_t>(head)];
  const HeadTensors& tensors = layout.heads[static_cast<size_t>(head)];
  const int64_t h = layout.model.hidden, count = batch.wanted.count();
  Classification c;
  if (spec.pooler) {
    c.pooled_NH = pass.product.forward(y_NH, pass.matrix(layout.pooler, h, h));
    kernels::bias_tanh(data(c.pooled_NH), pass.at(layout.pooler_bias), count, h);
  }
  const Tensor& input = spec.pooler ? c.pooled_NH : y_NH;
  const kernels::Dropout dropout = pass.dropout_at(spec.dropout, kernels::site_head + static_cast<uint32_t>(head));
  c.dropped_NH = input;
  if (dropout.active()) {
    c.dropped_NH = at::empty(input.sizes());
    std::copy_n(data(input), input.numel(), data(c.dropped_NH));
    kernels::dropout_rows(data(c.dropped_NH), dropout, rows_of(batch.wanted), h);
  }
  const float* w = pass.at(tensors.weight);
  const float* bias = pass.at(tensors.bias);
  c.logits.resize(static_cast<size_t>(count * spec.outputs));
  for (int64_t i = 0; i < count; ++i)
    for (int64_t o = 0; o < spec.outputs; ++o) {
      const float* x = data(c.dropped_NH) + i * h;
      const float* row = w + o * h;
      float sum = 0;
#pragma omp simd reduction(+ : sum)
      for (int64_t j = 0; j < h; ++j) sum += x[j] * row[j];
      c.logits[i * spec.outputs + o] = sum + bias[o];
    }
  return c;
}

// Cross-entropy of a softmax that was already taken once, as in the code of Kenneweg et al. (2024).
float double_softmax(float* row, int64_t width, int32_t target, float scale, bool gradient) {
  std::vector<double> p(static_cast<size_t>(width)), q(static_cast<size_t>(width));
  const double top = *std::max_element(row, row + width);
  double sum = 0;
  for (int64_t j = 0; j < width; ++j) sum += p[j] = std::exp(row[j] - top);
  double second = 0;
  for (int64_t j = 0; j < width; ++j) second += q[j] = std::exp(p[j] /= sum);
  const double loss = std::log(second) - p[target];
  if (gradient) {
    double dot = 0;
    for (int64_t j = 0; j < width; ++j) {
      q[j] = q[j] / second - (j == target ? 1.0 : 0.0);
      dot += q[j] * p[j];
    }
    for (int64_t j = 0; j < width; ++j) row[j] = static_cast<float>(scale * p[j] * (q[j] - dot));
  }
  return static_cast<float>(loss);
}

// Logarithms of the tempered softmax: unlike their exponentials they are finite for any logits.
void log_softmax(const float* logits, int64_t width, double temperature, std::vector<double>& out) {
  const double top = *std::max_element(logits, logits + width);
  out.resize(static_cast<size_t>(width));
  double sum = 0;
  for (int64_t j = 0; j < width; ++j) sum += std::exp(out[j] = (logits[j] - top) / temperature);
  for (double& p : out) p -= std::log(sum);
}

// Learning without Forgetting (Li & Hoiem 2016): cross-entropy of the teacher's and the student's tempered predictions, times T^2 so
// that the gradient's size does not depend on T (Hinton et al. 2015). With one output (regression): the squared difference.
float distill(float* logits, const float* teacher, int64_t width, double t, float scale, bool gradient) {
  if (width == 1) {
    const float difference = logits[0] - teacher[0];
    if (gradient) logits[0] = scale * 2 * difference;
    return difference * difference;
  }
  std::vector<double> p, q;
  log_softmax(logits, width, t, p);
  log_softmax(teacher, width, t, q);
  double loss = 0;
  for (int64_t j = 0; j < width; ++j) {
    loss -= t * t * std::exp(q[j]) * p[j];
    if (gradient) logits[j] = static_cast<float>(scale * t * (std::exp(p[j]) - std::exp(q[j])));
  }
  return static_cast<float>(loss);
}

// Losses of the rows; with gradient, logits become scale x the gradient of each row's loss.
std::vector<float> classification_losses(const Pass& pass, const Batch& batch, const HeadTask& task, std::vector<float>& logits, int64_t outputs, float scale,
                                         bool gradient) {
  const int64_t count = batch.wanted.count();
  std::vector<float> losses(static_cast<size_t>(count));
  if (task.loss == Loss::mse) {
    for (int64_t i = 0; i < count; ++i) {
      float label = batch.labels[i];
      if (task.labels_from_model) {
        const auto d = label_draw(pass, batch.wanted, i);
        label = logits[i] - std::sqrt(-2 * std::log(uniform(d.x[0]) + 0x1p-25f)) * std::cos(6.28318530718f * uniform(d.x[1]));
      }
      const float difference = logits[i] - label;
      losses[i] = difference * difference;
      if (gradient) logits[i] = scale * 2 * difference;
    }
    return losses;
  }
  if (task.loss == Loss::distillation) {
    for (int64_t i = 0; i < count; ++i)
      losses[i] = distill(logits.data() + i * outputs, task.teacher + batch.dataset_row[i] * outputs, outputs, task.temperature, scale, gradient);
    return losses;
  }
  std::vector<int32_t> targets;
  if (task.labels_from_model) targets = drawn_labels(pass, batch, logits.data(), 0, count, outputs);
  else
    for (const float label : batch.labels) targets.push_back(static_cast<int32_t>(label));
  if (task.loss == Loss::cross_entropy) {
    kernels::cross_entropy(logits.data(), targets.data(), count, outputs, task.label_smoothing, scale, gradient, losses.data());
  } else {
    for (int64_t i = 0; i < count; ++i) losses[i] = double_softmax(logits.data() + i * outputs, outputs, targets[i], scale, gradient);
  }
  return losses;
}

HeadGradient classification_backward(const Pass& pass, const Batch& batch, const HeadTask& task, const Tensor& y_NH, double weight, const Learning& learning,
                                     Gradients& gradients) {
  const Layout& layout = pass.layout;
  const HeadSpec& spec = layout.head_specs[static_cast<size_t>(task.head)];
  const HeadTensors& tensors = layout.heads[static_cast<size_t>(task.head)];
  const int64_t h = layout.model.hidden, count = batch.wanted.count(), padded = batch.wanted.padded(), outputs = spec.outputs;
  Classification c = classify(pass, batch, task.head, y_NH);
  HeadGradient result;
  result.losses = classification_losses(pass, batch, task, c.logits, outputs, static_cast<float>(weight / static_cast<double>(count)), true);
  const std::vector<float>& dlogits = c.logits;

  if (learning(tensors.weight)) {
    const GradientTarget target = gradients.target(tensors.weight);
    if (!target.accumulate) std::fill_n(target.data, outputs * h, 0.0f);
    for (int64_t i = 0; i < count; ++i)
      for (int64_t o = 0; o < outputs; ++o) {
        const float d = dlogits[i * outputs + o];
        const float* x = data(c.dropped_NH) + i * h;
        float* out = target.data + o * h;
#pragma omp simd
        for (int64_t j = 0; j < h; ++j) out[j] += d * x[j];
      }
  }
  if (learning(tensors.bias)) {
    const GradientTarget target = gradients.target(tensors.bias);
    kernels::column_sums(dlogits.data(), count, outputs, target.data, target.accumulate);
  }
  const bool encoder = lowest_learning(layout, learning) < layout.model.layers;
  const bool pooler = spec.pooler && learning.any({layout.pooler, layout.pooler_bias});
  if (!encoder && !pooler) return result;

  const Tensor dinput = at::zeros({padded, h});
  const float* w = pass.at(tensors.weight);
  for (int64_t i = 0; i < count; ++i)
    for (int64_t o = 0; o < outputs; ++o) {
      const float d = dlogits[i * outputs + o];
      float* out = data(dinput) + i * h;
      const float* row = w + o * h;
#pragma omp simd
      for (int64_t j = 0; j < h; ++j) out[j] += d * row[j];
    }
  kernels::dropout_rows(data(dinput), pass.dropout_at(spec.dropout, kernels::site_head + static_cast<uint32_t>(task.head)), rows_of(batch.wanted), h);
  if (!spec.pooler) {
    result.dy_NH = dinput;
    return result;
  }
  const float* p = data(c.pooled_NH);
  float* d = data(dinput);
  for (int64_t i = 0; i < count * h; ++i) d[i] *= 1 - p[i] * p[i];
  if (learning(layout.pooler_bias)) {
    const GradientTarget target = gradients.target(layout.pooler_bias);
    kernels::column_sums(d, count, h, target.data, target.accumulate);
  }
  if (learning(layout.pooler)) {
    const GradientTarget target = gradients.target(layout.pooler);
    pass.product.backward_weight(dinput, y_NH, target.data, target.accumulate);
  }
  if (encoder) result.dy_NH = pass.product.backward_input(dinput, pass.matrix(layout.pooler, h, h));
  return result;
}

// --- masked language model: logits = norm(gelu(y W^T + b)) E^T + bias, E the word embedding

struct Transformed {
  Tensor u_NH, xhat_NH, rstd, t_NH;
};

Transformed transform(const Pass& pass, const Batch& batch, const HeadTensors& tensors, const Tensor& y_NH) {
  const int64_t h = pass.layout.model.hidden;
  const Rows rows = rows_of(batch.wanted);
  Transformed t;
  t.u_NH = pass.product.forward(y_NH, pass.matrix(tensors.transform, h, h));
  const Tensor g = at::empty({rows.padded, h});
  kernels::bias_gelu(data(t.u_NH), pass.at(tensors.transform_bias), rows, h, data(g));
  t.xhat_NH = at::empty({rows.padded, h});
  t.rstd = at::empty({rows.padded});
  t.t_NH = at::empty({rows.padded, h});
  kernels::norm(data(g), pass.at(tensors.norm), pass.at(tensors.norm_bias), static_cast<float>(pass.layout.model.layer_norm_eps), rows.count, rows.padded, h,
                data(t.t_NH), nullptr, data(t.xhat_NH), data(t.rstd));
  return t;
}

// Calls f(first row, rows, padded rows, logits) for chunks of rows: a whole batch of vocabulary-wide logits would be large.
template <class F>
void for_logits(const Pass& pass, const Batch& batch, const HeadTensors& tensors, const Tensor& t_NH, const F& f) {
  const int64_t vocab = pass.layout.model.vocab, count = batch.wanted.count(), padded = batch.wanted.padded();
  constexpr int64_t chunk = 256;
  for (int64_t first = 0; first < count; first += chunk) {
    const int64_t n = std::min(chunk, count - first), n_padded = std::min(chunk, padded - first);
    const Tensor logits = pass.product.forward(t_NH.narrow(0, first, n_padded), pass.matrix(pass.layout.word, vocab, t_NH.size(1)));
    kernels::add_bias(data(logits), pass.at(tensors.bias), n, vocab);
    f(first, n, logits);
  }
}

HeadGradient masked_lm_backward(const Pass& pass, const Batch& batch, const HeadTask& task, const Tensor& y_NH, double weight, const Learning& learning,
                                Gradients& gradients) {
  const Layout& layout = pass.layout;
  const HeadTensors& tensors = layout.heads[static_cast<size_t>(task.head)];
  const int64_t h = layout.model.hidden, vocab = layout.model.vocab;
  const Rows rows = rows_of(batch.wanted);
  const Transformed t = transform(pass, batch, tensors, y_NH);
  const bool encoder = lowest_learning(layout, learning) < layout.model.layers;
  const bool transform_learns = learning.any({tensors.transform, tensors.transform_bias, tensors.norm, tensors.norm_bias});
  const float scale = static_cast<float>(weight / static_cast<double>(rows.count));

  HeadGradient result;
  result.losses.resize(static_cast<size_t>(rows.count));
  const Tensor dt = at::empty({rows.padded, h});
  for_logits(pass, batch, tensors, t.t_NH, [&](int64_t first, int64_t n, const Tensor& logits) {
    std::vector<int32_t> targets(batch.targets.begin() + first, batch.targets.begin() + first + n);
    if (task.labels_from_model) targets = drawn_labels(pass, batch, data(logits), first, n, vocab);
    kernels::cross_entropy(data(logits), targets.data(), n, vocab, task.label_smoothing, scale, true, result.losses.data() + first);
    std::fill(data(logits) + n * vocab, data(logits) + logits.numel(), 0.0f);
    if (learning(tensors.bias)) {
      const GradientTarget target = gradients.target(tensors.bias);
      kernels::column_sums(data(logits), n, vocab, target.data, target.accumulate);
    }
    if (learning(layout.word)) {
      const GradientTarget target = gradients.word_dense();
      pass.product.backward_weight(logits, t.t_NH.narrow(0, first, logits.size(0)), target.data, target.accumulate);
    }
    if (encoder || transform_learns) {
      const Tensor d = pass.product.backward_input(logits, pass.matrix(layout.word, vocab, h));
      std::copy_n(data(d), d.numel(), data(dt) + first * h);
    }
  });
  if (!encoder && !transform_learns) return result;

  const Tensor dg = at::empty({rows.padded, h});
  const auto sums = [&](int32_t tensor) {
    if (!learning(tensor)) return kernels::ColumnTarget{};
    const GradientTarget target = gradients.target(tensor);
    return kernels::ColumnTarget{target.data, target.accumulate};
  };
  kernels::norm_backward<float>(data(dt), nullptr, data(t.xhat_NH), data(t.rstd), pass.at(tensors.norm), {}, rows, h, data(dg), nullptr, sums(tensors.norm),
                                sums(tensors.norm_bias));
  kernels::gelu_backward(data(dg), data(t.u_NH), rows.count, h, sums(tensors.transform_bias));
  if (learning(tensors.transform)) {
    const GradientTarget target = gradients.target(tensors.transform);
    pass.product.backward_weight(dg, y_NH, target.data, target.accumulate);
  }
  if (encoder) result.dy_NH = pass.product.backward_input(dg, pass.matrix(tensors.transform, h, h));
  return result;
}

}  // namespace

std::vector<float> classification_logits(const Pass& pass, const Batch& batch, int64_t head, const Tensor& y_NH) {
  const profile::Phase phase("head");
  return classify(pass, batch, head, y_NH).logits;
}

std::vector<float> head_losses(const Pass& pass, const Batch& batch, const HeadTask& task, const Tensor& y_NH) {
  const profile::Phase phase("head");
  const HeadSpec& spec = pass.layout.head_specs[static_cast<size_t>(task.head)];
  if (spec.kind == HeadKind::classification) {
    std::vector<float> logits = classification_logits(pass, batch, task.head, y_NH);
    return classification_losses(pass, batch, task, logits, spec.outputs, 1, false);
  }
  const HeadTensors& tensors = pass.layout.heads[static_cast<size_t>(task.head)];
  std::vector<float> losses(static_cast<size_t>(batch.wanted.count()));
  const Transformed t = transform(pass, batch, tensors, y_NH);
  for_logits(pass, batch, tensors, t.t_NH, [&](int64_t first, int64_t n, const Tensor& logits) {
    kernels::cross_entropy(data(logits), batch.targets.data() + first, n, pass.layout.model.vocab, task.label_smoothing, 1, false, losses.data() + first);
  });
  return losses;
}

HeadGradient head_backward(const Pass& pass, const Batch& batch, const HeadTask& task, const Tensor& y_NH, double weight, const Learning& learning,
                           Gradients& gradients) {
  const profile::Phase phase("head");
  const HeadSpec& spec = pass.layout.head_specs[static_cast<size_t>(task.head)];
  return spec.kind == HeadKind::classification ? classification_backward(pass, batch, task, y_NH, weight, learning, gradients)
                                               : masked_lm_backward(pass, batch, task, y_NH, weight, learning, gradients);
}

}  // namespace lrdist
