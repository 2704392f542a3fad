#include "check.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <stdexcept>

namespace lrdist::check {

namespace {

std::vector<Check>& checks() {
  static std::vector<Check> all;
  return all;
}

[[noreturn]] void differ(const std::string& what, size_t at, float got, float expected) {
  throw std::runtime_error(what + "[" + std::to_string(at) + "] is " + std::to_string(got) + ", expected " + std::to_string(expected));
}

void same_size(const std::string& what, const std::vector<float>& got, const std::vector<float>& expected) {
  if (got.size() != expected.size()) throw std::runtime_error(what + " has " + std::to_string(got.size()) + " numbers");
}

}  // namespace

CheckRegistration::CheckRegistration(Check check) { checks().push_back(check); }

const std::vector<Check>& all_checks() {
  std::sort(checks().begin(), checks().end(), [](const Check& a, const Check& b) { return std::strcmp(a.name, b.name) < 0; });
  return checks();
}

std::vector<float> random_floats(size_t size, uint64_t seed, float spread) {
  std::vector<float> values(size);
  uint64_t state = seed * 0x9E3779B97F4A7C15u + 1;
  const auto uniform = [&] {
    state += 0x9E3779B97F4A7C15u;
    uint64_t x = state;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return static_cast<float>((x ^ (x >> 31)) >> 40) / 16777216.0f;
  };
  for (float& value : values) value = spread * (uniform() + uniform() + uniform() + uniform() - 2) * 1.7320508f;
  return values;
}

std::vector<cuda::bfloat> rounded(const std::vector<float>& values) {
  std::vector<cuda::bfloat> all(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    uint32_t bits;
    std::memcpy(&bits, &values[i], sizeof bits);
    all[i].bits = static_cast<unsigned short>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
  }
  return all;
}

std::vector<float> widened(const std::vector<cuda::bfloat>& values) {
  std::vector<float> all;
  for (const cuda::bfloat& value : values) all.push_back(kernels::to_float(*on_processor(&value)));
  return all;
}

void expect_near(const std::string& what, const std::vector<float>& got, const std::vector<float>& expected, double tolerance) {
  same_size(what, got, expected);
  for (size_t i = 0; i < got.size(); ++i) {
    if (std::isnan(got[i]) && std::isnan(expected[i])) continue;
    if (!(std::abs(got[i] - expected[i]) <= tolerance * (1 + std::abs(expected[i])))) differ(what, i, got[i], expected[i]);
  }
}

void expect_same(const std::string& what, const std::vector<float>& got, const std::vector<float>& expected) {
  same_size(what, got, expected);
  for (size_t i = 0; i < got.size(); ++i) {
    if (std::memcmp(&got[i], &expected[i], sizeof(float)) != 0) differ(what, i, got[i], expected[i]);
  }
}

}  // namespace lrdist::check
