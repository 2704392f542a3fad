#include <algorithm>

#include "core/cuda/launch_loss.h"
#include "head_case.h"
#include "kernels/kernels.h"

namespace lrdist::check {
namespace {

using cuda::LossKind;

struct Shape {
  LossKind kind;
  int count, padded, width;
  bool drawn, gradient, targets, bias;
  double smoothing = 0;
  int first = 0;  // of the rows that the logits hold, up to `padded`
};

constexpr double temperature = 2, weight = 0.7;
constexpr int dataset_rows = 50, replicas = 2;
constexpr unsigned optimizer_step = 9, key0 = 5, key1 = 6;

std::vector<double> softmax(std::vector<double> x) {
  const double top = *std::max_element(x.begin(), x.end());
  double sum = 0;
  for (double& v : x) sum += v = std::exp(v - top);
  for (double& v : x) v /= sum;
  return x;
}

struct Expected {
  double loss = 0;
  std::vector<double> gradient;
};

Expected squared(double difference, double scale) { return {difference * difference, {scale * 2 * difference}}; }

Expected double_softmax(const std::vector<double>& x, int target, double scale) {
  const std::vector<double> p = softmax(x), q = softmax(p);
  Expected e{-std::log(q[static_cast<size_t>(target)]), q};
  e.gradient[static_cast<size_t>(target)] -= 1;
  double dot = 0;
  for (size_t j = 0; j < p.size(); ++j) dot += e.gradient[j] * p[j];
  for (size_t j = 0; j < p.size(); ++j) e.gradient[j] = scale * p[j] * (e.gradient[j] - dot);
  return e;
}

Expected distillation(std::vector<double> x, std::vector<double> teacher, double scale) {
  if (x.size() == 1) return squared(x[0] - teacher[0], scale);
  for (double& v : x) v /= temperature;
  for (double& v : teacher) v /= temperature;
  const std::vector<double> p = softmax(x), q = softmax(teacher);
  Expected e;
  for (size_t j = 0; j < p.size(); ++j) {
    e.loss -= temperature * temperature * q[j] * std::log(p[j]);
    e.gradient.push_back(scale * temperature * (p[j] - q[j]));
  }
  return e;
}

Expected cross_entropy(std::vector<float> x, int target, double smoothing, float scale) {
  float loss = 0;
  kernels::cross_entropy(x.data(), &target, 1, static_cast<int64_t>(x.size()), smoothing, scale, true, &loss);
  return {loss, std::vector<double>(x.begin(), x.end())};
}

float uniform(uint32_t bits) { return static_cast<float>(bits >> 8) * 0x1p-24f; }

void check(Context& c, const Shape& s) {
  Numbers numbers;
  const int chunk = s.padded - s.first, w = s.width;
  std::vector<int> positions, slots, classes, dataset_row_of;
  std::vector<float> values;
  for (int i = 0; i < s.padded; ++i) {
    positions.push_back(i % 5);
    slots.push_back(i / 5);
    classes.push_back(numbers.below(w));
    dataset_row_of.push_back(numbers.below(dataset_rows));
    values.push_back(s.kind == LossKind::mse ? numbers.floats(1, 3)[0] : static_cast<float>(numbers.below(w)));
  }
  const int64_t stride = int64_t{chunk} * w, bias_stride = w + 8, teacher_stride = int64_t{dataset_rows} * w;
  const Both<float> logits(c, numbers.floats(replicas * stride, 4)), bias(c, numbers.floats(replicas * bias_stride));
  const Both<float> teacher(c, numbers.floats(replicas * teacher_stride, 4));
  const Both<float> losses(c, std::vector<float>(static_cast<size_t>(replicas * s.padded), untouched)), labels(c, values);
  const Both<int> count(c, {s.count}), position(c, positions), slot(c, slots), targets(c, classes), dataset_row(c, dataset_row_of);
  const Both<unsigned> step(c, {optimizer_step});
  const Both<double> of_batch(c, {weight}), sums(c, std::vector<double>(replicas, 2.5));

  cuda::Loss a{};
  a.rows = {count.data(), s.padded, position.data(), slot.data()};
  a.first = s.first;
  a.chunk = chunk;
  a.width = w;
  a.logits = logits.data();
  a.logits_stride = stride;
  if (s.bias) a.bias = bias.data();
  a.bias_stride = bias_stride;
  a.gradient = s.gradient;
  a.weight = of_batch.data();
  a.losses = losses.data();
  a.losses_stride = s.padded;
  a.labels = labels.data();
  if (s.targets) a.targets = targets.data();
  a.labels_from_model = s.drawn;
  a.key0 = key0;
  a.key1 = key1;
  a.step = step.data();
  a.smoothing = s.smoothing;
  a.teacher = teacher.data();
  a.teacher_stride = teacher_stride;
  a.dataset_row = dataset_row.data();
  a.temperature = temperature;
  cuda::loss(c.device, s.kind, a, replicas);

  const std::vector<float> losses_found = losses.found(), logits_found = logits.found();
  const std::string name = "loss " + std::to_string(static_cast<int>(s.kind)) + " of " + std::to_string(w) + " classes" + (s.drawn ? ", drawn labels" : "");
  Differences of_losses(name), of_gradients(name + ": gradient");
  const double scale = static_cast<float>(weight / s.count);
  for (int k = 0; k < replicas; ++k)
    for (int i = s.first; i < s.padded; ++i) {
      const auto r = static_cast<size_t>(i);
      const float* before = logits.host.data() + k * stride + int64_t{i - s.first} * w;
      Expected e{0, std::vector<double>(static_cast<size_t>(w))};
      if (i < s.count) {
        std::vector<float> x(before, before + w);
        for (int j = 0; j < w && s.bias; ++j) x[static_cast<size_t>(j)] += bias.host[static_cast<size_t>(k * bias_stride + j)];
        const auto place = static_cast<uint32_t>(positions[r]) | kernels::site_labels << 16;
        const auto draw = kernels::philox(0, place, static_cast<uint32_t>(slots[r]), optimizer_step, key0, key1);
        const float u = uniform(draw.x[0]);
        int target = s.targets ? classes[r] : static_cast<int>(values[r]);
        if (s.drawn && s.kind != LossKind::mse) kernels::sample_classes(x.data(), &u, 1, w, &target);
        const std::vector<double> exact(x.begin(), x.end());
        const float* taught = teacher.host.data() + k * teacher_stride + int64_t{dataset_row_of[r]} * w;
        const double normal = std::sqrt(-2 * std::log(u + 0x1p-25)) * std::cos(2 * 3.14159265358979 * uniform(draw.x[1]));
        switch (s.kind) {
          case LossKind::cross_entropy: e = cross_entropy(x, target, s.smoothing, static_cast<float>(scale)); break;
          case LossKind::double_softmax: e = double_softmax(exact, target, scale); break;
          case LossKind::distillation: e = distillation(exact, {taught, taught + w}, scale); break;
          case LossKind::mse: e = squared(s.drawn ? normal : exact[0] - values[r], scale); break;
        }
      }
      of_losses.add(losses_found[static_cast<size_t>(k * s.padded + i)], e.loss, std::max(1.0, e.loss));
      const float* found = logits_found.data() + k * stride + int64_t{i - s.first} * w;
      for (int j = 0; j < w; ++j) of_gradients.add(found[j], s.gradient ? e.gradient[static_cast<size_t>(j)] : before[j], scale);
    }

  of_losses.expect_at_most(3e-6);
  of_gradients.expect_at_most(3e-6);
  if (s.first > 0) return;

  Differences of_sums(name + ": sum");
  std::vector<double> expected(replicas);
  for (int k = 0; k < replicas; ++k) {
    for (int i = 0; i < s.count; ++i) expected[static_cast<size_t>(k)] += losses_found[static_cast<size_t>(k * s.padded + i)];
    if (s.count > 0) expected[static_cast<size_t>(k)] /= s.count;
  }
  for (const bool accumulate : {true, false}) {
    cuda::accumulate_loss(c.device, {count.data(), losses.data(), s.padded, accumulate ? of_batch.data() : nullptr, sums.data(), accumulate}, replicas);
    const std::vector<double> found = sums.found();
    for (size_t k = 0; k < replicas; ++k) of_sums.add(found[k], accumulate ? 2.5 + weight * expected[k] : expected[k]);
  }
  of_sums.expect_at_most(1e-12);
}

}  // namespace

LRDIST_CHECK(losses) {
  for (const bool gradient : {true, false})
    for (const bool drawn : {true, false}) {
      for (const LossKind kind : {LossKind::cross_entropy, LossKind::double_softmax, LossKind::distillation})
        for (const int width : {1, 2, 3, 20}) {
          check(c, {kind, 13, 16, width, drawn, gradient, false, false, kind == LossKind::cross_entropy ? 0.1 : 0});
          check(c, {kind, 77, 80, width, drawn, gradient, true, false});
        }
      check(c, {LossKind::mse, 77, 80, 1, drawn, gradient, false, false});
      for (const int width : {64, 257, 3000}) {
        check(c, {LossKind::cross_entropy, 13, 16, width, drawn, gradient, true, true, 0.1});
        check(c, {LossKind::cross_entropy, 21, 32, width, drawn, gradient, true, false, 0, 16});
      }
    }
  check(c, {LossKind::cross_entropy, 0, 16, 2, false, true, false, false});
}

}  // namespace lrdist::check
