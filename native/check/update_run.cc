// Runs three segments of updates on the device and on the processor, and compares all that they write after each step.
#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <utility>

#include "core/cuda/update.h"
#include "update_case.h"
#include "update_reference.h"

namespace lrdist::check {
namespace {

// Moments are far from 1, and so are their errors.
void expect_relative(const std::string& what, const std::vector<float>& got, const std::vector<float>& expected, double least) {
  for (size_t i = 0; i < expected.size(); ++i) {
    if (!(std::abs(got[i] - expected[i]) <= 4e-6 * std::abs(expected[i]) + least))
      throw std::runtime_error(what + "[" + std::to_string(i) + "] is " + std::to_string(got[i] / expected[i]) + " of what was expected");
  }
}

template <class To, class From>
std::vector<To> joined(const std::vector<std::vector<From>>& parts) {
  std::vector<To> all;
  for (const auto& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

template <class T>
std::vector<float> floats(const std::vector<T>& values) {
  return {values.begin(), values.end()};
}

// The device's buffers for a reference that has not moved yet.
struct Buffers {
  Buffers(Context& c, const UpdateReference& r)
      : size(static_cast<size_t>(r.layout.size)),
        replicas(static_cast<size_t>(r.replicas)),
        low_begin(static_cast<size_t>(r.layout.tensors[static_cast<size_t>(r.layout.layers[0].query)].offset)),
        weights(c.array(r.weights)),
        first(c.array(r.first)),
        second(c.array(r.second)),
        gradients(c.array(std::vector<float>(replicas * size, std::numeric_limits<float>::quiet_NaN()))),
        mixed(c.room<float>(replicas * size)),
        low(c.array(low_of(r.weights))),
        mixed_low(c.room<cuda::bfloat>(replicas * (size - low_begin))),
        steps(c.array(joined<int>(r.counts))),
        touched(c.array(joined<unsigned char>(r.touched))),
        stamp(c.room<unsigned>(static_cast<size_t>(r.layout.model.vocab))),
        cursor(c.room<unsigned>(2)),
        loss(c.room<double>(replicas)),
        alive(c.array(r.alive)),
        non_finite(c.room<int>(replicas)),
        factors(c.room<double>(replicas * r.steps * 3)),
        losses(c.room<float>(replicas * r.steps)),
        norms(c.room<float>(replicas * r.steps)) {}

  cuda::UpdateBuffers addresses(bool with_low) const {
    const auto begin = static_cast<long long>(low_begin), stride = static_cast<long long>(size - low_begin);
    cuda::UpdateBuffers b{};
    b.weights = weights.data(), b.first = first.data(), b.second = second.data(), b.gradients = gradients.data(), b.mixed = mixed.data();
    if (with_low) b.low = {low.data(), begin, stride};
    b.mixed_low = {mixed_low.data(), begin, stride};
    b.steps = steps.data(), b.touched = touched.data(), b.stamp = stamp.data(), b.step = cursor.data(), b.segment_step = cursor.data() + 1;
    b.step_loss = loss.data(), b.alive = alive.data(), b.factors = factors.data();
    b.results = {losses.data(), norms.data(), UpdateReference::steps, 1, non_finite.data()};
    return b;
  }
  // The copies in bf16 of arenas [K][P].
  std::vector<cuda::bfloat> low_of(const std::vector<float>& arenas) const {
    std::vector<float> values;
    for (size_t k = 0; k < replicas; ++k) {
      const auto arena = arenas.begin() + static_cast<int64_t>(k * size);
      values.insert(values.end(), arena + static_cast<int64_t>(low_begin), arena + static_cast<int64_t>(size));
    }
    return rounded(values);
  }

  // What lies in tensors, of arenas [K][P] and of their copies in bf16: between tensors there may be anything.
  std::vector<float> tensors(const std::vector<float>& arenas, const Layout& layout) const { return tensors(arenas, layout, 0); }
  std::vector<float> low_tensors(const std::vector<float>& copies, const Layout& layout) const { return tensors(copies, layout, low_begin); }

  size_t size, replicas, low_begin;
  Array<float> weights, first, second, gradients, mixed;
  Array<cuda::bfloat> low, mixed_low;
  Array<int> steps;
  Array<unsigned char> touched;
  Array<unsigned> stamp, cursor;
  Array<double> loss;
  Array<int> alive, non_finite;
  Array<double> factors;
  Array<float> losses, norms;

 private:
  std::vector<float> tensors(const std::vector<float>& arenas, const Layout& layout, size_t begin) const {
    std::vector<float> values;
    for (size_t k = 0; k < replicas; ++k) {
      for (const TensorPlace& t : layout.tensors) {
        if (static_cast<size_t>(t.offset) < begin) continue;
        const auto from = arenas.begin() + static_cast<int64_t>(k * (size - begin)) + t.offset - static_cast<int64_t>(begin);
        values.insert(values.end(), from, from + t.size);
      }
    }
    return values;
  }
};

template <class T>
void send(Context& c, const Array<T>& to, const std::vector<T>& values) {
  c.device.upload(to.data(), values.data(), static_cast<int64_t>(values.size() * sizeof(T)));
}

// What passes would leave: gradients of every written tensor, for all replicas, and of the word embedding of the batch's rows. The rest stays as it was.
void send_gradients(Context& c, const Buffers& b, const UpdateReference& r, const StepInput& in) {
  std::vector<float> all = b.gradients.read();
  std::vector<unsigned> stamps = b.stamp.read();
  const int64_t width = r.layout.model.hidden;
  for (size_t k = 0; k < b.replicas; ++k) {
    const auto from = in.gradients[k].begin();
    const auto to = all.begin() + static_cast<int64_t>(k * b.size);
    for (int32_t t = 0; t < r.layout.count(); ++t) {
      const TensorPlace& place = r.layout.tensors[static_cast<size_t>(t)];
      if (!in.written[static_cast<size_t>(t)]) continue;
      if (t != r.layout.word || in.dense) std::copy_n(from + place.offset, place.size, to + place.offset);
      else
        for (const int32_t id : in.ids) std::copy_n(from + place.offset + id * width, width, to + place.offset + id * width);
    }
  }
  for (const int32_t id : in.ids) stamps[static_cast<size_t>(id)] = static_cast<unsigned>(in.step) + 1;
  send(c, b.gradients, all);
  send(c, b.stamp, stamps);
}

// Where the reference has gradients, those of the device, with zeros in the rows of the word embedding that have none.
std::vector<float> gradients_of(const Buffers& b, const UpdateReference& r, const StepInput& in) {
  std::vector<float> all = b.gradients.read();
  for (size_t i = 0; i < all.size(); ++i)
    if (std::isnan(r.gradients[i])) all[i] = r.gradients[i];
  const std::vector<unsigned> stamps = b.stamp.read();
  const std::vector<unsigned char> touched = b.touched.read();
  const std::vector<uint8_t> pulled = cuda::pulled_words(r.layout, r.plan, r.replicas);
  const auto width = static_cast<size_t>(r.layout.model.hidden);
  for (size_t k = 0; k < b.replicas && !in.dense; ++k) {
    for (size_t row = 0; row < stamps.size(); ++row) {
      const auto begin = all.begin() + static_cast<int64_t>(k * b.size + row * width);
      const bool has = stamps[row] == static_cast<unsigned>(in.step) + 1 || (pulled[k] && touched[k * stamps.size() + row]);
      if (!has && !std::isnan(r.gradients[k * b.size + row * width])) std::fill_n(begin, width, 0.0f);
    }
  }
  return all;
}

void compare(const Buffers& b, const UpdateReference& r, const UpdateCase& one, const StepInput& in) {
  expect_near("gradients", gradients_of(b, r, in), r.gradients, 1e-6);
  expect_near("weights", b.weights.read(), r.weights, 1e-6);
  expect_relative("first moments", b.first.read(), r.first, 1e-8);
  expect_relative("second moments", b.second.read(), r.second, 1e-14);
  expect_same("steps", floats(b.steps.read()), joined<float>(r.counts));
  expect_same("touched rows", floats(b.touched.read()), joined<float>(r.touched));
  expect_same("alive", floats(b.alive.read()), floats(r.alive));
  expect_same("non-finite", floats(b.non_finite.read()), floats(r.non_finite));
  if (one.low) expect_same("weights in bf16", widened(b.low.read()), widened(b.low_of(b.weights.read())));
  std::vector<float> losses, norms;
  for (size_t k = 0; k < b.replicas; ++k) {
    const auto at = static_cast<size_t>(static_cast<int64_t>(k) * UpdateReference::steps + in.segment_step);
    losses.push_back(b.losses.read()[at]);
    norms.push_back(b.norms.read()[at]);
  }
  expect_same("losses", losses, r.losses);
  expect_near("norms", norms, r.norms, 1e-6);
}

}  // namespace

void run_update(Context& c, const UpdateCase& one) {
  UpdateReference reference(one);
  const Buffers b(c, reference);
  const auto values = [&](int64_t id, size_t size) { return c.array(std::vector<float>(reference.slot(id, 0), reference.slot(id, 0) + size)); };
  const Array<float> own = values(0, b.replicas * b.size), shared = values(1, b.size), fisher = values(2, b.replicas * b.size);
  const cuda::SlotRow slot = [&](int64_t id, int64_t k) -> const float* {
    return id == 1 ? shared.data() : (id == 0 ? own : fisher).data() + k * reference.layout.size;
  };
  cuda::Update update(c.device);
  std::vector<uint8_t> learning;
  for (int64_t index = 0; index < 3; ++index) {
    const Segment segment = reference.segment(index);
    send(c, b.factors, segment.factors);
    const bool valid =
        update.begin_segment(reference.layout, reference.plan, segment, reference.seed, reference.replicas, b.addresses(one.low), slot);
    const std::vector<uint8_t> before = std::exchange(learning, reference.learning());
    if (valid != (before == learning)) throw std::runtime_error("recorded graphs are taken for " + std::string(valid ? "valid" : "out of date"));
    reference.begin_segment(segment);
    expect_same("rows marked", floats(b.touched.read()), joined<float>(reference.touched));
    for (int64_t step = 0; step < reference.steps; ++step) {
      const StepInput in = reference.input(segment, step, index == 0);
      send(c, b.cursor, {static_cast<unsigned>(in.step), static_cast<unsigned>(step)});
      send(c, b.loss, in.loss);
      update.before_passes();
      send_gradients(c, b, reference, in);
      update.after_backward(update.step_kind(in.written, in.dense));
      reference.step(segment, in);
      if (cuda::uses_mixout(reference.plan)) {
        const std::vector<float> mixed = b.mixed.read();
        expect_near("mixed weights", b.tensors(mixed, reference.layout), b.tensors(reference.mixed, reference.layout), 1e-6);
        const std::vector<float> low = widened(b.mixed_low.read()), expected = widened(b.low_of(mixed));
        expect_same("mixed weights in bf16", b.low_tensors(low, reference.layout), b.low_tensors(expected, reference.layout));
      }
      compare(b, reference, one, in);
    }
  }
}

}  // namespace lrdist::check
