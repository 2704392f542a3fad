#include <algorithm>

#include "core/cuda/launch_attention.h"
#include "head_case.h"
#include "kernels/kernels.h"

namespace lrdist::check {
namespace {

using kernels::bf16;

// T as the CPU's kernels have it, and as the device's.
template <class T>
using Low = std::conditional_t<std::is_same_v<T, float>, float, cuda::bfloat>;

template <class T>
std::vector<T> converted(const std::vector<float>& values) {
  if constexpr (std::is_same_v<T, float>) return values;
  std::vector<T> low(values.size());
  if constexpr (!std::is_same_v<T, float>) kernels::convert(values.data(), low.data(), static_cast<int64_t>(values.size()));
  return low;
}

// Where query, key and value lie: in one projection; a query beside key and value, of some rows; or three.
enum class Projections { joint, split, three };

struct Shape {
  std::vector<int> keys, queries;  // of each sequence; queries empty: all keys
  int heads, head_dim, longest;
  Projections projections = Projections::joint;
};

struct Tokens {
  std::vector<int> cu{0}, position, slot;

  void add_sequence(int count, int length, int of_slot) {
    for (int i = 0; i < count; ++i) {
      position.push_back(count == length ? i : i * length / count);
      slot.push_back(of_slot);
    }
    cu.push_back(static_cast<int>(position.size()));
  }
  int count() const { return cu.back(); }
};

template <class T>
class AttentionCase {
 public:
  AttentionCase(Context& c, const Shape& shape, int replicas, double dropout, bool tf32 = false)
      : c_(c), s_(shape), k_(replicas), tf32_(tf32), width_(shape.heads * shape.head_dim), dropout_(kernels::make_dropout(dropout, 0x123456789ABCDEF, 41, 10)) {
    const bool all = s_.projections == Projections::joint;
    for (size_t b = 0; b < s_.keys.size(); ++b) {
      keys_.add_sequence(s_.keys[b], s_.keys[b], 5 + static_cast<int>(b));
      if (!all) queries_.add_sequence(s_.queries[b], s_.keys[b], 5 + static_cast<int>(b));
    }
    if (all) queries_ = keys_;
    sequences_ = static_cast<int>(s_.keys.size()) + empty;
    for (int i = 0; i < empty; ++i) {
      keys_.cu.push_back(keys_.cu.back());
      queries_.cu.push_back(queries_.cu.back());
    }
    key_padded_ = keys_.count() + 11;
    query_padded_ = all ? key_padded_ : queries_.count() + 5;
    ld_q_ = all ? 3 * width_ : width_;
    ld_kv_ = all ? 3 * width_ : s_.projections == Projections::split ? 2 * width_ : width_;
    stride_q_ = ld_q_ * query_padded_;
    stride_kv_ = ld_kv_ * key_padded_;
  }

  void run() {
    const int64_t contexts = k_ * query_padded_ * width_;
    const int64_t q_size = k_ * stride_q_, kv_size = s_.projections == Projections::joint ? 0 : k_ * stride_kv_;
    const int64_t v_size = s_.projections == Projections::three ? kv_size : 0;
    Both<T> q(c_, random(q_size, 2)), k(c_, random(kv_size, 2)), v(c_, random(v_size, 2)), dcontext(c_, random(contexts, 1));
    Both<float> bias(c_, numbers_.floats(k_ * bias_stride(), 1));
    Both<T> context(c_, junk(contexts)), dq(c_, junk(q_size)), dk(c_, junk(kv_size)), dv(c_, junk(v_size));
    const Both<int> cu_q(c_, queries_.cu), cu_k(c_, keys_.cu), position(c_, queries_.position), slot(c_, queries_.slot);
    const Both<int> query_count(c_, {queries_.count()}), key_count(c_, {keys_.count()});
    const Both<unsigned> step(c_, {dropout_.step});
    const Array<float> log_sum = c_.room<float>(static_cast<size_t>(k_ * s_.heads * query_padded_));

    using L = Low<T>;
    const auto at = [](const Both<T>& x) { return reinterpret_cast<L*>(x.data()); };
    cuda::Attention<L> a{};
    a.heads = s_.heads;
    a.head_dim = s_.head_dim;
    a.cu_q = cu_q.data();
    a.cu_k = cu_k.data();
    const auto in = parts(at(q), at(k), at(v));
    a.q = in.q;
    a.k = in.k;
    a.v = in.v;
    a.ld_q = ld_q_;
    a.ld_kv = ld_kv_;
    a.stride_q = stride_q_;
    a.stride_kv = stride_kv_;
    a.bias_q = bias.data();
    a.bias_k = a.bias_q + width_;
    a.bias_v = a.bias_k + width_;
    a.bias_stride = bias_stride();
    a.query_rows = {query_count.data(), query_padded_, position.data(), slot.data()};
    a.dropout = {dropout_.threshold, dropout_.scale, dropout_.key0, dropout_.key1, dropout_.site, step.data()};
    a.context = at(context);
    a.context_stride = static_cast<long long>(query_padded_) * width_;
    a.tf32 = tf32_;
    a.log_sum = log_sum.data();
    cuda::attention_forward(c_.device, a, sequences_, s_.longest, k_);

    cuda::AttentionBackward<L> b{};
    b.forward = a;
    b.key_count = key_count.data();
    b.key_padded = key_padded_;
    b.dcontext = at(dcontext);
    const auto out = parts(at(dq), at(dk), at(dv));
    b.dq = out.q;
    b.dk = out.k;
    b.dv = out.v;
    const int64_t needed = cuda::attention_sums(k_, query_padded_, s_.heads, s_.head_dim, s_.longest);
    const Array<float> sums = c_.room<float>(static_cast<size_t>(std::max<int64_t>(1, needed)));
    b.sums = sums.data();
    cuda::attention_backward(c_.device, b, sequences_, s_.longest, k_);

    // The CPU's, replica by replica, into zeros: rows beyond the real ones must be 0.
    std::vector<T> context_cpu(context.host.size()), dq_cpu(q.host.size()), dk_cpu(k.host.size()), dv_cpu(v.host.size());
    for (int replica = 0; replica < k_; ++replica) {
      const auto from = parts(q.host.data(), k.host.data(), v.host.data()), to = parts(dq_cpu.data(), dk_cpu.data(), dv_cpu.data());
      const float* own_bias = bias.host.data() + replica * bias_stride();
      const int64_t q_at = replica * stride_q_, kv_at = replica * stride_kv_, context_at = replica * int64_t{query_padded_} * width_;
      const kernels::Attention<T> cpu = {static_cast<int64_t>(s_.keys.size()), s_.heads, s_.head_dim, queries_.cu.data(), keys_.cu.data(), from.q + q_at,
                                         from.k + kv_at, from.v + kv_at, ld_q_, ld_kv_, own_bias, own_bias + width_, own_bias + 2 * width_,
                                         {queries_.count(), query_padded_, queries_.position.data(), queries_.slot.data()}, dropout_};
      kernels::attention_forward(cpu, context_cpu.data() + context_at);
      kernels::attention_backward(cpu, dcontext.host.data() + context_at, to.q + q_at, to.k + kv_at, to.v + kv_at);
    }
    compare("context", context, context_cpu);
    compare("dq", dq, dq_cpu);
    if (kv_size > 0) compare("dk", dk, dk_cpu);
    if (v_size > 0) compare("dv", dv, dv_cpu);
  }

 private:
  static constexpr int empty = 3;  // sequences that a bucket has and the batch has not

  template <class E>
  struct Places {
    E *q, *k, *v;
  };
  template <class E>
  Places<E> parts(E* q, E* k, E* v) const {
    if (s_.projections == Projections::joint) return {q, q + width_, q + 2 * width_};
    if (s_.projections == Projections::split) return {q, k, k + width_};
    return {q, k, v};
  }
  int64_t bias_stride() const { return 3 * width_ + 16; }
  // Arrays of no size are for parts that a layout does not have.
  std::vector<T> random(int64_t n, float largest) { return converted<T>(numbers_.floats(std::max<int64_t>(1, n), largest)); }
  std::vector<T> junk(int64_t n) const { return converted<T>(std::vector<float>(static_cast<size_t>(std::max<int64_t>(1, n)), untouched)); }

  // fp32 to rounding, tf32 to some roundings to 10 bits; bf16 to two units in the last place of the largest: products round to 10 bits, results to 8.
  void compare(const char* what, const Both<T>& on_device, const std::vector<T>& expected) {
    constexpr bool exact = std::is_same_v<T, float>;
    double largest = 1e-30;
    for (const T x : expected) largest = std::max<double>(largest, std::fabs(kernels::to_float(x)));
    Differences differences(std::string("attention ") + (!exact ? "bf16 " : tf32_ ? "tf32 " : "fp32 ") + what + ", longest " + std::to_string(s_.longest) + ", " +
                            std::to_string(s_.head_dim) + " channels, " + std::to_string(k_) + " replicas" + (dropout_.active() ? ", dropout" : ""));
    const std::vector<T> found = on_device.found();
    for (size_t i = 0; i < found.size(); ++i) differences.add(kernels::to_float(found[i]), kernels::to_float(expected[i]), largest);
    differences.expect_at_most(!exact ? 1.0 / 128 : tf32_ ? 2e-3 : 3e-6);
  }

  Context& c_;
  const Shape s_;
  const int k_;
  const bool tf32_;
  const int width_;
  const kernels::Dropout dropout_;
  Numbers numbers_;
  Tokens keys_, queries_;
  int sequences_, key_padded_, query_padded_;
  int64_t ld_q_, ld_kv_, stride_q_, stride_kv_;
};

// Keys before and after the border of a tile, nothing wanted of a sequence, sizes that are no multiple of 4.
const std::vector<Shape> shapes = {
    {{1, 2, 17, 64}, {}, 2, 8, 64},
    {{63, 64, 20}, {}, 2, 64, 64},
    {{17, 9}, {}, 3, 5, 64},
    {{17, 5, 33, 40, 3}, {1, 1, 1, 1, 1}, 2, 32, 64, Projections::split},
    {{17, 5, 33, 40, 3}, {2, 0, 9, 0, 1}, 3, 20, 64, Projections::three},
    {{130, 7, 65}, {}, 2, 64, 256},
    {{130, 7, 65}, {60, 0, 1}, 1, 32, 256, Projections::split},
    {{512}, {}, 1, 32, 512},
    {{40, 7}, {}, 1, 68, 64},
    {{33, 18}, {}, 1, 256, 64},
};

}  // namespace

LRDIST_CHECK(attention) {
  for (const Shape& shape : shapes)
    for (const double dropout : {0.0, 0.1}) {
      const int replicas = shape.longest == 64 ? 3 : 1;
      AttentionCase<float>(c, shape, replicas, dropout).run();
      AttentionCase<float>(c, shape, replicas, dropout, true).run();
      AttentionCase<bf16>(c, shape, replicas, dropout).run();
    }
}

}  // namespace lrdist::check
