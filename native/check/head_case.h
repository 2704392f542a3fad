// What the checks of attention, classifiers and losses share. They compare with the CPU's kernels, or with formulas in double where core has them in its
// passes.
#pragma once

#include <cmath>
#include <random>
#include <stdexcept>

#include "check.h"

namespace lrdist::check {

// Numbers on both sides.
template <class T>
struct Both {
  std::vector<T> host;
  Array<T> device;
  Both(Context& c, std::vector<T> values) : host(std::move(values)), device(c.array(host)) {}
  T* data() const { return device.data(); }
  std::vector<T> found() const { return device.read(); }
};

class Numbers {
 public:
  std::vector<float> floats(int64_t n, float largest = 1) {
    std::uniform_real_distribution<float> numbers(-largest, largest);
    std::vector<float> values(static_cast<size_t>(n));
    for (float& v : values) v = numbers(generator_);
    return values;
  }
  int below(int n) { return static_cast<int>(generator_() % static_cast<unsigned>(n)); }

 private:
  std::mt19937 generator_{1};
};

// What memory holds that must be written, or must not be touched.
constexpr float untouched = 7;

// The largest difference in units of `scale`; NaN is the largest of all.
class Differences {
 public:
  explicit Differences(std::string what) : what_(std::move(what)) {}

  void add(double found, double expected, double scale = 1) {
    const double difference = std::fabs(found - expected) / scale;
    if (!(difference <= worst_)) worst_ = std::isnan(difference) ? 1e30 : difference;
  }
  void expect_at_most(double most) const {
    if (worst_ > most) throw std::runtime_error(what_ + ": differs by " + std::to_string(worst_) + ", at most " + std::to_string(most) + " is allowed");
  }

 private:
  std::string what_;
  double worst_ = 0;
};

}  // namespace lrdist::check
