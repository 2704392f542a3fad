#include <algorithm>

#include "encoder.h"
#include "launch_embeddings.h"
#include "launch_norm.h"
#include "launch_pointwise.h"

namespace lrdist::cuda {
namespace {

template <class T>
void embeddings_backward(const Pass& pass, const EncoderActivations<T>& kept, const HiddenGradient<T>& dy, const Learning& learning, unsigned* stamp) {
  const Arena::Scope scope(pass.arena);
  const Layout& layout = pass.layout;
  const int64_t h = layout.model.hidden, k = pass.replicas;
  const Rows rows = pass.batch.tokens();
  const int64_t n = rows.padded;
  const auto table = [&](const Columns& to) { return each<float>(to.to, to.stride); };

  NormBackward<T> b{};
  b.dy = each<const float>(dy.residual, n * h);
  b.dy2 = each<const T>(dy.product, n * h);
  b.dropout_after = pass.dropout_at(layout.model.hidden_dropout, kernels::site_embeddings);
  b.xhat = each<const float>(kept.xhat_TH, n * h);
  b.rstd = each<const float>(kept.rstd, n);
  b.gamma = pass.at(layout.embedding_norm);
  b.weights = pass.weights.stride;
  b.rows = rows;
  b.width = static_cast<int>(h);
  b.dx = each<float>(dy.residual, n * h);
  b.dgamma = pass.gradient_if(layout.embedding_norm, learning);
  b.dbeta = pass.gradient_if(layout.embedding_norm_bias, learning);
  const int64_t columns = std::max<int64_t>(3, layout.model.type_vocab) * h;
  const int64_t floats = sums_workspace(n, columns, k);
  const Workspace workspace{pass.arena.borrow<float>(floats), floats};
  norm_backward(pass.device, b, k, workspace);

  const float* d = dy.residual;
  if (learning(layout.word)) {
    const Columns to = pass.gradient(layout.word);
    WordGradient a{};
    a.count = pass.batch.at(RecordLayout::words);
    a.rows_at_most = pass.batch.bucket.tokens;
    a.unique = pass.batch.at(pass.batch.layout.word);
    a.starts = pass.batch.at(pass.batch.layout.word_start);
    a.order = pass.batch.at(pass.batch.layout.word_token);
    a.width = static_cast<int>(h);
    a.d = each<const float>(d, n * h);
    a.table = table(to);
    a.before = pass.gradients.word_dense ? WordRowState::full : to.accumulate ? WordRowState::stamped : WordRowState::empty;
    a.stamp = stamp;
    a.step = pass.step;
    word_gradient(pass.device, a, k);
  }
  if (learning(layout.position)) {
    const Columns to = pass.gradient(layout.position);
    PositionGradient a{};
    a.cu = pass.batch.at(pass.batch.layout.cu);
    a.sequences = pass.batch.bucket.rows;
    a.positions = static_cast<int>(layout.model.max_positions);
    a.width = static_cast<int>(h);
    a.d = each<const float>(d, n * h);
    a.table = table(to);
    a.accumulate = to.accumulate;
    position_gradient(pass.device, a, k);
  }
  if (learning(layout.type)) {
    TypeGradient a{};
    a.types = pass.batch.at(pass.batch.layout.types);
    a.count = rows.count;
    a.padded = rows.padded;
    a.rows = static_cast<int>(layout.model.type_vocab);
    a.width = static_cast<int>(h);
    a.d = each<const float>(d, n * h);
    type_gradient(pass.device, a, pass.gradient(layout.type), k, workspace);
  }
}

}  // namespace

template <class T>
void encoder_backward(const Pass& pass, const EncoderActivations<T>& kept, float* dy, const Learning& learning, unsigned* stamp) {
  const Arena::Scope scope(pass.arena);
  const int64_t layers = pass.layout.model.layers, lowest = lowest_learning(pass.layout, learning);
  const int64_t n = pass.replicas * pass.batch.bucket.tokens * pass.layout.model.hidden;
  HiddenGradient<T> d{dy, nullptr}, turns[2];
  for (int64_t l = layers - 1; l >= std::max<int64_t>(lowest, 0); --l) {
    const bool below = l > lowest;
    HiddenGradient<T>& to = turns[l % 2];
    if (below && !to.residual) to = {pass.arena.borrow<float>(n), pass.arena.borrow<T>(n)};
    d = layer_backward(pass, l, l == layers - 1, kept.layers[static_cast<size_t>(l)], d, below, to, learning);
  }
  if (lowest < 0) embeddings_backward(pass, kept, d, learning, stamp);
}

template void encoder_backward<float>(const Pass&, const EncoderActivations<float>&, float*, const Learning&, unsigned*);
template void encoder_backward<bfloat>(const Pass&, const EncoderActivations<bfloat>&, float*, const Learning&, unsigned*);

}  // namespace lrdist::cuda
