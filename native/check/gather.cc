// Sums of gradients, and the comparison of two buffers.
#include "core/cuda/gather.h"

#include "check.h"
#include "kernels/kernels.h"

namespace lrdist::check {
namespace {

constexpr int64_t vocab = 70, replicas = 2;
constexpr float scale = 0.3f;
constexpr unsigned step = 7;

Layout make_layout(int64_t hidden) {
  Layout layout({vocab, 8, 2, hidden, 1, 2, 3 * hidden / 2, 1e-12, 0, 0, true});
  layout.add_head({"a", HeadKind::classification, 3, true, 0});
  return layout;
}

std::vector<float> expected_sum(const Layout& layout, const std::vector<uint8_t>& written, const std::vector<unsigned>& stamps, bool dense, bool squares,
                                std::vector<float> sum, const std::vector<float>& gradients) {
  for (int64_t k = 0; k < replicas; ++k) {
    for (int32_t t = 0; t < layout.count(); ++t) {
      const TensorPlace& place = layout.tensors[static_cast<size_t>(t)];
      for (int64_t i = 0; i < place.size; ++i) {
        const bool row_has = t != layout.word || dense || stamps[static_cast<size_t>(i / layout.model.hidden)] == step + 1;
        if (!written[static_cast<size_t>(t)] || !row_has) continue;
        const auto at = static_cast<size_t>(k * layout.size + place.offset + i);
        sum[at] += scale * gradients[at] * (squares ? gradients[at] : 1);
      }
    }
  }
  return sum;
}

void check_sums(Context& c, int64_t hidden) {
  const Layout layout = make_layout(hidden);
  const auto all = static_cast<size_t>(replicas * layout.size);
  const std::vector<float> values = random_floats(all, 1), start = random_floats(all, 2);
  std::vector<unsigned> stamps(vocab);
  for (unsigned row = 0; row < vocab; ++row) stamps[row] = row % 4 == 1 ? step + 1 : row % 4;
  const auto gradients = c.array(values);
  const auto stamp = c.array(stamps), cursor = c.array(std::vector<unsigned>{step});
  std::vector<uint8_t> written(static_cast<size_t>(layout.count()), 1);
  written[6] = 0;
  for (const bool dense : {false, true}) {
    cuda::GradientSum sums(c.device, layout, written, dense, stamp.data(), cursor.data());
    const auto squares = c.array(start), scaled = c.array(start);
    sums.add_squares(gradients.data(), squares.data(), scale, replicas);
    sums.add_scaled(gradients.data(), scaled.data(), scale, replicas);
    expect_near("squares", squares.read(), expected_sum(layout, written, stamps, dense, true, start, values), 1e-6);
    expect_near("scaled", scaled.read(), expected_sum(layout, written, stamps, dense, false, start, values), 1e-6);
  }
}

}  // namespace

LRDIST_CHECK(gradient_sums) {
  check_sums(c, 288);
  check_sums(c, 6);
}

LRDIST_CHECK(compare_buffers) {
  const Layout layout = make_layout(144);
  const auto all = static_cast<size_t>(replicas * layout.size);
  const std::vector<float> a = random_floats(all, 1), b = random_floats(all, 2);
  const auto left = c.array(a), right = c.array(b);
  for (const int64_t stride : {layout.size, int64_t{0}}) {
    std::vector<float> expected;
    for (int64_t k = 0; k < replicas; ++k) {
      for (const TensorPlace& place : layout.tensors) {
        double sums[4];
        kernels::moments_of_pair(a.data() + k * layout.size + place.offset, b.data() + k * stride + place.offset, place.size, sums);
        expected.insert(expected.end(), sums, sums + 4);
      }
    }
    const std::vector<double> got = cuda::compare(c.device, layout, left.data(), layout.size, right.data(), stride, replicas);
    expect_near("sums", {got.begin(), got.end()}, expected, 1e-7);
  }
}

}  // namespace lrdist::check
