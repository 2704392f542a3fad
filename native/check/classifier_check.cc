#include "core/cuda/launch_heads.h"
#include "head_case.h"
#include "kernels/kernels.h"

namespace lrdist::check {
namespace {

struct Shape {
  int count, padded, width, outputs, replicas;
  double dropout;
  bool pooled, accumulate, weight, bias;
};

// The keep factor of one channel.
double keep(const kernels::Dropout& d, int position, int slot, int channel) {
  if (!d.active()) return 1;
  const auto group = static_cast<uint32_t>(channel / 8), place = static_cast<uint32_t>(position) | d.site << 16;
  const auto block = kernels::philox(group, place, static_cast<uint32_t>(slot), d.step, d.key0, d.key1);
  return (block.x[channel % 8 / 2] >> (channel % 2 * 16) & 0xFFFF) < d.threshold ? 0 : d.scale;
}

void check(Context& c, const Shape& s) {
  Numbers numbers;
  const int64_t hidden = int64_t{s.padded} * s.width, outputs = int64_t{s.padded} * s.outputs, arena = int64_t{s.outputs + 1} * s.width + 32;
  const int64_t bias = int64_t{s.outputs} * s.width;  // its place behind the weight
  const Both<float> x(c, numbers.floats(s.replicas * hidden)), weights(c, numbers.floats(s.replicas * arena));
  const Both<float> dlogits(c, numbers.floats(s.replicas * outputs)), pooled(c, numbers.floats(s.replicas * hidden));
  const Both<float> gradient(c, numbers.floats(s.replicas * arena));
  const Both<float> logits(c, std::vector<float>(static_cast<size_t>(s.replicas * outputs), untouched));
  const Both<float> dx(c, std::vector<float>(static_cast<size_t>(s.replicas * hidden), untouched));
  std::vector<int> positions, slots;
  for (int i = 0; i < s.padded; ++i) {
    positions.push_back(i % 3);
    slots.push_back(i / 3);
  }
  const Both<int> count(c, {s.count}), position(c, positions), slot(c, slots);
  const kernels::Dropout dropout = kernels::make_dropout(s.dropout, 0x123456789ABCDEF, 41, kernels::site_head + 2);
  const Both<unsigned> step(c, {dropout.step});
  const cuda::Rows rows = {count.data(), s.padded, position.data(), slot.data()};
  const float* w = weights.data();
  float* g = gradient.data();

  cuda::classifier(c.device, {rows, s.width, s.outputs, x.data(), hidden, w, w + bias, arena, logits.data(), outputs}, s.replicas);
  cuda::classifier_weights(c.device,
                           {rows, s.width, s.outputs, x.data(), dlogits.data(), hidden, outputs, {s.weight ? g : nullptr, arena, s.accumulate},
                            {s.bias ? g + bias : nullptr, arena, !s.accumulate}},
                           s.replicas);
  cuda::classifier_input(c.device,
                         {rows, s.width, s.outputs, dlogits.data(), outputs, w, arena,
                          {dropout.threshold, dropout.scale, dropout.key0, dropout.key1, dropout.site, step.data()},
                          s.pooled ? pooled.data() : nullptr, hidden, dx.data(), hidden},
                         s.replicas);

  const std::string name = "classifier " + std::to_string(s.width) + " to " + std::to_string(s.outputs) + ": ";
  Differences of_logits(name + "logits"), of_gradient(name + "gradient"), of_dx(name + "dx");
  const std::vector<float> logits_found = logits.found(), gradient_found = gradient.found(), dx_found = dx.found();
  for (int k = 0; k < s.replicas; ++k) {
    const float *own_x = x.host.data() + k * hidden, *own_w = weights.host.data() + k * arena, *own_d = dlogits.host.data() + k * outputs;
    const float* before = gradient.host.data() + k * arena;
    std::vector<double> expected(before, before + arena);
    for (int o = 0; o < s.outputs; ++o) {
      for (int j = 0; j < s.width && s.weight; ++j) {
        double& sum = expected[static_cast<size_t>(o * s.width + j)];
        if (!s.accumulate) sum = 0;
        for (int i = 0; i < s.count; ++i) sum += double{own_x[i * s.width + j]} * own_d[i * s.outputs + o];
      }
      double& sum = expected[static_cast<size_t>(bias + o)];
      if (s.bias && s.accumulate) sum = 0;
      for (int i = 0; i < s.count && s.bias; ++i) sum += own_d[i * s.outputs + o];
    }
    for (size_t i = 0; i < expected.size(); ++i) of_gradient.add(gradient_found[static_cast<size_t>(k * arena) + i], expected[i], std::sqrt(s.count));
    for (int i = 0; i < s.padded; ++i) {
      for (int o = 0; o < s.outputs; ++o) {
        double sum = own_w[bias + o];
        for (int j = 0; j < s.width; ++j) sum += double{own_x[i * s.width + j]} * own_w[o * s.width + j];
        of_logits.add(logits_found[static_cast<size_t>(k * outputs + i * s.outputs + o)], i < s.count ? sum : 0, std::sqrt(s.width));
      }
      for (int j = 0; j < s.width; ++j) {
        double sum = 0;
        for (int o = 0; o < s.outputs; ++o) sum += double{own_d[i * s.outputs + o]} * own_w[o * s.width + j];
        sum *= keep(dropout, positions[static_cast<size_t>(i)], slots[static_cast<size_t>(i)], j);
        const double p = pooled.host[static_cast<size_t>(k * hidden + i * s.width + j)];
        if (s.pooled) sum *= 1 - p * p;
        of_dx.add(dx_found[static_cast<size_t>(k * hidden + i * s.width + j)], i < s.count ? sum : 0, s.outputs);
      }
    }
  }
  for (const Differences* d : {&of_logits, &of_gradient, &of_dx}) d->expect_at_most(2e-6);
}

}  // namespace

LRDIST_CHECK(classifier) {
  for (const int width : {16, 33, 768})
    for (const int outputs : {1, 3}) {
      check(c, {13, 16, width, outputs, 3, 0.1, true, true, true, true});
      check(c, {45, 48, width, outputs, 1, 0, false, false, outputs == 1, outputs == 3});
    }
}

}  // namespace lrdist::check
