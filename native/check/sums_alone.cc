// What sums over rows promise besides their values: the same bits in any company, and no step beyond their workspace.
#include "core/cuda/launch_pointwise.h"
#include "core/engine.h"
#include "row_case.h"

namespace lrdist::check {
namespace {

constexpr int count = 37, width = 40;

std::vector<float> sums_of(cuda::Device& device, const cuda::Each<const float>& d, int padded, int64_t replicas, int64_t floats) {
  const auto rows = cuda::uploaded(device, std::vector<int>{count});
  const cuda::Array<float> workspace(device, floats), sums(device, replicas * width);
  cuda::ColumnSums<float> a{};
  a.d = d;
  a.count = rows.data();
  a.padded = padded;
  a.width = width;
  a.parts = 1;
  a.to[0] = {sums.data(), width, false};
  cuda::column_sums(device, a, replicas, {workspace.data(), floats});
  return cuda::downloaded(device, sums.data(), sums.size());
}

void sums_alone(cuda::Device& device) {
  constexpr int64_t replicas = 3, rows = 96;
  const auto d = cuda::uploaded(device, random_floats(replicas * rows * width, 1));
  const auto floats = [](int padded, int64_t k) { return cuda::sums_workspace(padded, width, k); };
  const std::vector<float> together = sums_of(device, {d.data(), rows * width}, 96, replicas, floats(96, replicas));
  for (int64_t k = 0; k < replicas; ++k)
    expect_same("sums of one replica", sums_of(device, {d.data() + k * rows * width, 0}, 48, 1, floats(48, 1)),
                {together.begin() + k * width, together.begin() + (k + 1) * width});
  try {
    sums_of(device, {d.data(), rows * width}, 96, replicas, floats(96, replicas) - 1);
  } catch (const Error& error) {
    if (error.code == "ERR_KERNEL") return;
  }
  throw std::runtime_error("a workspace that is too small was taken");
}

}  // namespace
}  // namespace lrdist::check

LRDIST_CHECK(sums_alone) { lrdist::check::sums_alone(c.device); }
