// What the checks of the row-wise kernels share: a batch of tokens, matrices of K replicas on the device and on the host, and comparisons.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "check.h"
#include "core/cuda/array.h"
#include "core/cuda/workspace.h"
#include "kernels/kernels.h"

namespace lrdist::check {

using kernels::bf16;
template <class T>
using Low = std::conditional_t<std::is_same_v<T, float>, float, cuda::bfloat>;  // T as the device has it

inline float rounded(float x, const float*) { return x; }
inline bf16 rounded(float x, const bf16*) {
  bf16 low;
  kernels::convert(&x, &low, 1);
  return low;
}

// Differences beyond this, relative to the largest number of the matrix, are errors: a few roundings of fp32.
constexpr float tolerance = 4e-6f;

// Random numbers that depend on the case alone.
struct Source {
  std::mt19937 generator;
  template <class T = float>
  std::vector<T> normal(int64_t n, float scale = 1) {
    std::normal_distribution<float> numbers;
    std::vector<T> values(static_cast<size_t>(n));
    for (T& v : values) v = rounded(scale * numbers(generator), static_cast<T*>(nullptr));
    return values;
  }
  int below(int n) { return static_cast<int>(generator() % static_cast<unsigned>(n)); }
};

// A packed batch; places from count to padded hold what no kernel may read as an index.
struct Tokens {
  int count = 0, padded;
  std::vector<int> position, slot, cu = {0}, ids, types;
  Tokens(Source& source, int rows, int padded_rows, int longest, int vocab) : padded(padded_rows) {
    for (int sequence = 0; count < rows; ++sequence) {
      const int length = std::min(1 + source.below(longest), rows - count);
      for (int p = 0; p < length; ++p) {
        position.push_back(p);
        slot.push_back(100 + 3 * sequence);
        ids.push_back(source.below(vocab));
        types.push_back(p > length / 2 ? 1 : 0);
      }
      count += length;
      cu.push_back(count);
    }
    for (std::vector<int>* v : {&position, &slot, &ids, &types}) v->resize(static_cast<size_t>(padded), -1000000);
  }
  kernels::Rows rows() const { return {count, padded, position.data(), slot.data()}; }
};

// K matrices with some elements between them that nobody may write; none behind the last.
template <class T>
class Many {
 public:
  // On the device too. Filled with NaN, as memory that was never written.
  Many(cuda::Device& device, int64_t replicas, int64_t size, int64_t gap)
      : size_(size), stride_(size + gap), host_(static_cast<size_t>(replicas * stride_ - gap)), device_(device) {
    std::memset(static_cast<void*>(host_.data()), 0xFF, host_.size() * sizeof(T));
    array_ = cuda::uploaded(device, host_);
  }
  Many(cuda::Device& device, int64_t replicas, int64_t size, Source& source, float scale, int64_t gap) : Many(device, replicas, size, gap) {
    for (int64_t k = 0; k < replicas; ++k) {
      const std::vector<T> values = source.normal<T>(size, scale);
      std::copy(values.begin(), values.end(), of(k));
    }
    upload();
  }

  T* of(int64_t replica) { return host_.data() + replica * stride_; }
  void upload() { device_.upload(array_.data(), host_.data(), array_.bytes()); }
  template <class E = const Low<T>>
  cuda::Each<E> each(bool shared = false) const {
    return {reinterpret_cast<E*>(array_.data()), shared ? 0 : stride_};
  }
  cuda::Each<Low<T>> out() const { return each<Low<T>>(); }
  cuda::Columns columns(bool accumulate) const { return {reinterpret_cast<float*>(array_.data()), stride_, accumulate}; }
  int64_t stride() const { return stride_; }

  // The largest difference between the device's matrices and `expected` (relative; for bf16 in units in the last place), gaps with their bits.
  double difference(const std::vector<std::vector<T>>& expected) {
    const std::vector<T> found = cuda::downloaded(device_, array_.data(), array_.size());
    double largest = 0, worst = 0;
    for (const auto& matrix : expected)
      for (const T v : matrix)
        if (!std::isnan(kernels::to_float(v))) largest = std::max<double>(largest, std::fabs(kernels::to_float(v)));
    for (size_t i = 0; i < found.size(); ++i) {
      const size_t k = i / static_cast<size_t>(stride_), j = i % static_cast<size_t>(stride_);
      if (j >= static_cast<size_t>(size_)) {
        if (std::memcmp(&found[i], &host_[i], sizeof(T)) != 0) return 1e30;  // between the matrices
        continue;
      }
      const double d = distance(found[i], expected[k][j], largest);
      if (!(d <= worst)) worst = std::isnan(d) ? 1e30 : d;
    }
    return worst;
  }

  bool same_bits(const std::vector<std::vector<T>>& expected) {
    const std::vector<T> found = cuda::downloaded(device_, array_.data(), array_.size());
    for (size_t k = 0; k < expected.size(); ++k)
      if (std::memcmp(found.data() + static_cast<int64_t>(k) * stride_, expected[k].data(), expected[k].size() * sizeof(T)) != 0) return false;
    return true;
  }

 private:
  static double distance(float found, float expected, double largest) {
    if (std::memcmp(&found, &expected, sizeof found) == 0) return 0;
    return std::fabs(double{found} - expected) / std::max(1.0, largest);
  }
  static double distance(bf16 found, bf16 expected, double largest) {
    if (distance(kernels::to_float(found), kernels::to_float(expected), largest) <= tolerance) return 0;  // near 0 a unit is less than what fp32 rounds
    const auto place = [](bf16 v) { return v.bits & 0x8000 ? -(v.bits & 0x7FFF) : int{v.bits}; };
    return std::isnan(kernels::to_float(found)) ? NAN : std::abs(place(found) - place(expected));
  }

  int64_t size_, stride_;
  std::vector<T> host_;
  cuda::Device& device_;
  cuda::Array<T> array_;
};

// One case: its device, its sizes, and what it found.
struct RowCase {
  cuda::Device& device;
  int64_t replicas, width, gap;
  int count;  // real rows of batch_padded
  Source source;
  std::vector<std::string>& failures;

  template <class T>
  Many<T> empty(int64_t rows, int64_t columns) {
    return Many<T>(device, replicas, rows * columns, gap);
  }
  template <class T>
  Many<T> random(int64_t rows, int64_t columns, float scale = 1) {
    return Many<T>(device, replicas, rows * columns, source, scale, gap);
  }
  template <class T>
  void expect(const char* what, Many<T>& found, const std::vector<std::vector<T>>& expected, double most = std::is_same_v<T, float> ? tolerance : 1) {
    const double difference = found.difference(expected);
    if (difference <= most) return;
    failures.push_back(std::string(what) + ", width " + std::to_string(width) + ", " + std::to_string(replicas) + " replicas, " + std::to_string(count) +
                       " rows, gap " + std::to_string(gap) + ": differs by " + std::to_string(difference));
  }
  template <class T>
  void expect_bits(const char* what, Many<T>& found, const std::vector<std::vector<T>>& expected) {
    if (!found.same_bits(expected)) failures.push_back(std::string(what) + ", width " + std::to_string(width) + ": other bits");
  }
  // Of the first `size` elements; the rest stays as it was.
  template <class T>
  void expect_rows(const char* what, Many<T>& found, std::vector<std::vector<T>> expected, int64_t size) {
    for (size_t k = 0; k < expected.size(); ++k) std::copy(found.of(k) + size, found.of(k) + expected[k].size(), expected[k].begin() + size);
    expect(what, found, expected);
  }
};

constexpr int batch_padded = 48;

// A dropout in both forms; its optimizer step lies on the device.
struct DropoutCase {
  kernels::Dropout host;
  cuda::Array<unsigned> step;
  cuda::Dropout device;
  DropoutCase(cuda::Device& d, double probability, uint32_t site)
      : host(kernels::make_dropout(probability, 0x123456789ABCDEFull, 41, site)), step(cuda::uploaded(d, std::vector<unsigned>{41})) {
    device = {host.threshold, host.scale, host.key0, host.key1, host.site, step.data()};
  }
};

// A batch on the device.
struct Batch {
  Tokens tokens;
  cuda::Array<int> count, position, slot;
  explicit Batch(RowCase& c)
      : tokens(c.source, c.count, batch_padded, 11, 50),
        count(cuda::uploaded(c.device, std::vector<int>{c.count})),
        position(cuda::uploaded(c.device, tokens.position)),
        slot(cuda::uploaded(c.device, tokens.slot)) {}
  cuda::Rows rows() const { return {count.data(), batch_padded, position.data(), slot.data()}; }
};

// A matrix for each replica, as the CPU's kernels write them.
template <class T>
std::vector<std::vector<T>> matrices(int64_t replicas, int64_t size) {
  return std::vector<std::vector<T>>(static_cast<size_t>(replicas), std::vector<T>(static_cast<size_t>(size)));
}

// Runs a check for rows of vectors and others, wider than a warp holds or not, one replica or three, none, some or all rows real. Throws with the first
// differences.
void for_row_cases(cuda::Device& device, void (*check)(RowCase&));

}  // namespace lrdist::check
