#include <map>

#include "core/cuda/launch_embeddings.h"
#include "row_case.h"

namespace lrdist::check {
namespace {

constexpr int padded = batch_padded, vocab = 50, positions = 16, types = 2;

void embed(RowCase& c, double probability) {
  const int64_t n = padded * c.width, k = c.replicas, w = c.width;
  Batch batch(c);
  const auto ids = cuda::uploaded(c.device, batch.tokens.ids), type_ids = cuda::uploaded(c.device, batch.tokens.types);
  const DropoutCase dropout(c.device, probability, 0);
  auto weights = c.random<float>(vocab + positions + types + 2, w);
  auto y = c.empty<float>(padded, w), xhat = c.empty<float>(padded, w), rstd = c.empty<float>(padded, 1);
  auto low = c.empty<bf16>(padded, w);
  const auto in = [&](const float* arena) {
    return kernels::EmbeddingWeights{arena, arena + vocab * w, arena + (vocab + positions) * w, arena + (vocab + positions + types) * w,
                                     arena + (vocab + positions + types + 1) * w};
  };
  const kernels::EmbeddingWeights own = in(weights.each().data);
  cuda::Embed a{};
  a.ids = ids.data();
  a.types = type_ids.data();
  a.rows = batch.rows();
  a.width = static_cast<int>(w);
  a.word = own.word;
  a.position = own.position;
  a.type = own.type;
  a.gamma = own.gamma;
  a.beta = own.beta;
  a.weights = weights.stride();
  a.eps = 1e-12f;
  a.dropout = dropout.device;
  a.y = y.out();
  a.y_low = low.out();
  a.xhat = xhat.out();
  a.rstd = rstd.out();
  cuda::embed(c.device, a, k);
  auto y_cpu = matrices<float>(k, n), xhat_cpu = matrices<float>(k, n), rstd_cpu = matrices<float>(k, padded);
  auto low_cpu = matrices<bf16>(k, n);
  for (int64_t r = 0; r < k; ++r)
    kernels::embed(batch.tokens.ids.data(), batch.tokens.types.data(), batch.tokens.rows(), w, in(weights.of(r)), 1e-12f, dropout.host, y_cpu[r].data(),
                   low_cpu[r].data(), xhat_cpu[r].data(), rstd_cpu[r].data());
  c.expect("embed y", y, y_cpu);
  c.expect("embed y_low", low, low_cpu);
  c.expect_rows("embed xhat", xhat, xhat_cpu, c.count * w);
  c.expect_rows("embed rstd", rstd, rstd_cpu, c.count);
}

// The tokens of each id, in the order of the ids' first use.
struct Runs {
  std::vector<int> unique, starts = {0}, order;
  explicit Runs(const Tokens& tokens) {
    std::map<int, std::vector<int>> of;
    for (int t = 0; t < tokens.count; ++t) of[tokens.ids[t]].push_back(t);
    for (const auto& [id, list] : of) {
      unique.push_back(id);
      order.insert(order.end(), list.begin(), list.end());
      starts.push_back(static_cast<int>(order.size()));
    }
  }
};

// Half of the rows have a gradient of this step already, the others an old one, all in the same table.
void word_gradient(RowCase& c, cuda::WordRowState before) {
  const int64_t k = c.replicas, w = c.width;
  constexpr unsigned step = 7;
  Batch batch(c);
  const Runs runs(batch.tokens);
  const auto unique = cuda::uploaded(c.device, runs.unique), starts = cuda::uploaded(c.device, runs.starts), order = cuda::uploaded(c.device, runs.order);
  const auto words = cuda::uploaded(c.device, std::vector<int>{static_cast<int>(runs.unique.size())});
  const auto device_step = cuda::uploaded(c.device, std::vector<unsigned>{step});
  std::vector<unsigned> stamps(vocab);
  for (unsigned i = 0; i < vocab; ++i) stamps[i] = i % 2 ? step + 1 : step;
  const auto stamp = cuda::uploaded(c.device, stamps);
  auto d = c.random<float>(padded, w), table = c.random<float>(vocab, w);
  auto expected = matrices<float>(k, vocab * w);
  for (int64_t r = 0; r < k; ++r) {
    std::copy_n(table.of(r), vocab * w, expected[r].data());
    for (const int id : runs.unique)
      if (before == cuda::WordRowState::empty || (before == cuda::WordRowState::stamped && id % 2 == 0)) std::fill_n(expected[r].data() + id * w, w, 0.0f);
    kernels::scatter_add(d.of(r), batch.tokens.ids.data(), c.count, w, expected[r].data());
  }
  cuda::WordGradient a{};
  a.count = words.data();
  a.rows_at_most = padded;
  a.unique = unique.data();
  a.starts = starts.data();
  a.order = order.data();
  a.width = static_cast<int>(w);
  a.d = d.each();
  a.table = table.out();
  a.before = before;
  a.stamp = stamp.data();
  a.step = device_step.data();
  cuda::word_gradient(c.device, a, k);
  c.expect("word gradient", table, expected, 0);

  for (const int id : runs.unique) stamps[id] = step + 1;
  if (cuda::downloaded(c.device, stamp.data(), vocab) != stamps) c.failures.push_back("word gradient: stamps");

  // What is then not stamped is cleared.
  for (int64_t r = 0; r < k; ++r)
    for (int id = 0; id < vocab; ++id)
      if (stamps[id] != step + 1) std::fill_n(expected[r].data() + id * w, w, 0.0f);
  cuda::clear_unstamped(c.device, {table.out(), vocab, static_cast<int>(w), stamp.data(), device_step.data(), false}, k);
  c.expect("unstamped rows", table, expected, 0);
}

void small_tables(RowCase& c, bool accumulate) {
  const int64_t k = c.replicas, w = c.width;
  Batch batch(c);
  std::vector<int> offsets = batch.tokens.cu;
  offsets.resize(20, c.count);  // empty sequences at the end
  const auto cu = cuda::uploaded(c.device, offsets), type_ids = cuda::uploaded(c.device, batch.tokens.types);
  auto d = c.random<float>(padded, w), position = c.random<float>(positions, w), type = c.random<float>(types, w);
  auto position_cpu = matrices<float>(k, positions * w), type_cpu = matrices<float>(k, types * w);
  for (int64_t r = 0; r < k; ++r) {
    if (accumulate) {
      std::copy_n(position.of(r), positions * w, position_cpu[r].data());
      std::copy_n(type.of(r), types * w, type_cpu[r].data());
    }
    kernels::scatter_add(d.of(r), batch.tokens.position.data(), c.count, w, position_cpu[r].data());
    kernels::scatter_add(d.of(r), batch.tokens.types.data(), c.count, w, type_cpu[r].data());
  }
  cuda::PositionGradient a{};
  a.cu = cu.data();
  a.sequences = static_cast<int>(offsets.size()) - 1;
  a.positions = positions;
  a.width = static_cast<int>(w);
  a.d = d.each();
  a.table = position.out();
  a.accumulate = accumulate;
  cuda::position_gradient(c.device, a, k);
  c.expect("position gradient", position, position_cpu, 0);

  const int64_t floats = cuda::sums_workspace(padded, types * w, k);
  const cuda::Array<float> workspace(c.device, floats);
  cuda::TypeGradient b{};
  b.types = type_ids.data();
  b.count = batch.count.data();
  b.padded = padded;
  b.rows = types;
  b.width = static_cast<int>(w);
  b.d = d.each();
  cuda::type_gradient(c.device, b, type.columns(accumulate), k, {workspace.data(), floats});
  c.expect("type gradient", type, type_cpu);
}

void check_embeddings(RowCase& c) {
  embed(c, 0.1);
  embed(c, 0);
  for (const cuda::WordRowState before : {cuda::WordRowState::empty, cuda::WordRowState::stamped, cuda::WordRowState::full}) word_gradient(c, before);
  small_tables(c, false);
  small_tables(c, true);
}

}  // namespace
}  // namespace lrdist::check

LRDIST_CHECK(embeddings) { lrdist::check::for_row_cases(c.device, lrdist::check::check_embeddings); }
