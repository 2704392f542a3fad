#include "encoder.h"
#include "launch_attention.h"
#include "launch_embeddings.h"
#include "launch_norm.h"
#include "launch_pointwise.h"
#include "../../kernels/cuda/tape.h"

namespace lrdist::cuda {
namespace {

// Where the hidden states after each block go: into memory of their own where backward reads them, else into two buffers in turn.
template <class T>
class HiddenBuffers {
 public:
  explicit HiddenBuffers(const Pass& pass) : pass_(pass), n_(pass.replicas * pass.batch.bucket.tokens * pass.layout.model.hidden) {}

  Hidden<T> next(bool kept, bool shared) {
    Hidden<T> y;
    y.shared = shared;
    turn_ = !turn_;
    if constexpr (std::is_same_v<T, float>) {
      y.x = y.factor = kept ? pass_.arena.keep<float>(n_) : turn(full_);
    } else {
      y.x = turn(full_);
      y.factor = kept ? pass_.arena.keep<T>(n_) : turn(low_);
    }
    return y;
  }

 private:
  template <class E>
  E* turn(E* (&buffers)[2]) {
    E*& buffer = buffers[turn_ ? 1 : 0];
    if (!buffer) buffer = pass_.arena.borrow<E>(n_);
    return buffer;
  }

  const Pass& pass_;
  const int64_t n_;
  float* full_[2] = {};
  T* low_[2] = {};
  bool turn_ = false;
};

template <class T>
void embeddings_forward(const Pass& pass, const Hidden<T>& y, int64_t lanes, EncoderActivations<T>* kept) {
  const Layout& layout = pass.layout;
  const int64_t h = layout.model.hidden;
  const Rows rows = pass.batch.tokens();
  if (kept) {
    kept->xhat_TH = pass.arena.keep<float>(lanes * rows.padded * h);
    kept->rstd = pass.arena.keep<float>(lanes * rows.padded);
  }
  Embed a{};
  a.ids = pass.batch.at(pass.batch.layout.ids);
  a.types = pass.batch.at(pass.batch.layout.types);
  a.rows = rows;
  a.width = static_cast<int>(h);
  a.word = pass.at(layout.word);
  a.position = pass.at(layout.position);
  a.type = pass.at(layout.type);
  a.gamma = pass.at(layout.embedding_norm);
  a.beta = pass.at(layout.embedding_norm_bias);
  a.weights = pass.weights.stride;
  a.eps = static_cast<float>(layout.model.layer_norm_eps);
  a.dropout = pass.dropout_at(layout.model.hidden_dropout, kernels::site_embeddings);
  a.y = each<float>(y.x, rows.padded * h);
  a.y_low = low_of(y, rows.padded * h);
  if (kept) {
    a.xhat = each<float>(kept->xhat_TH, rows.padded * h);
    a.rstd = each<float>(kept->rstd, rows.padded);
  }
  embed(pass.device, a, lanes);
}

// The first token's state of each row, to out [lanes][rows of the bucket][H] of one block.
void write_first_states(const Pass& pass, const float* x, bool wanted_rows, bool shared, float* out) {
  const int64_t h = pass.layout.model.hidden;
  const int64_t rows = wanted_rows ? pass.batch.bucket.wanted : pass.batch.bucket.tokens;
  GatherRows a{};
  a.x = each<const float>(x, rows * h, shared);
  a.y = each<float>(out, pass.batch.bucket.rows * h);
  a.index = pass.batch.at(wanted_rows ? pass.batch.layout.wanted_cu : pass.batch.layout.cu);
  a.count = pass.batch.row_count();
  a.padded = pass.batch.bucket.rows;
  a.width = static_cast<int>(h);
  gather_rows(pass.device, a, pass.replicas);
}

template <class T>
void read_states(const Pass& pass, const StoredStates& stored, const Hidden<T>& y) {
  const int64_t h = pass.layout.model.hidden, tokens = pass.batch.bucket.tokens;
  GatherRows a{};
  a.x = each<const float>(stored.data, 0);
  a.y = each<float>(y.x, 0);
  a.index = pass.batch.at(pass.batch.layout.dataset_token);
  a.count = pass.batch.tokens().count;
  a.padded = static_cast<int>(tokens);
  a.width = static_cast<int>(h);
  gather_rows(pass.device, a, 1);
  if constexpr (!std::is_same_v<T, float>) convert(pass.device, Convert<float, bfloat>{{y.x, 0}, {y.factor, 0}, tokens * h, false}, 1);
}

void write_states(const Pass& pass, const StoredStates& stored, const float* x) {
  const int width = static_cast<int>(pass.layout.model.hidden);
  Grid grid;
  grid.x = static_cast<unsigned>(pass.batch.bucket.tokens);
  grid.threads = put_rows_threads;
  pass.device.launch(put_rows_kernel, grid, PutRowsArguments{x, stored.data, pass.batch.at(pass.batch.layout.dataset_token), pass.batch.tokens().count, width});
}

}  // namespace

template <class T>
float* encoder_forward(const Pass& pass, const EncoderOptions& options, EncoderActivations<T>& kept) {
  const int64_t layers = pass.layout.model.layers, h = pass.layout.model.hidden;
  kept.layers.assign(static_cast<size_t>(layers), {});
  const int64_t states = pass.replicas * pass.batch.bucket.rows * h;
  Pass without_dropout = pass;
  without_dropout.dropout = false;

  // Block 0 is the embeddings, block b layer b - 1.
  HiddenBuffers<T> buffers(pass);
  Hidden<T> x;
  for (int64_t block = 0; block <= layers; ++block) {
    const int64_t layer = block - 1;
    const bool keeps = layer >= options.keep_from, wanted = layer == layers - 1;
    const int64_t lanes = block < options.shared ? 1 : pass.replicas;
    const Pass& now = layer >= options.dropout_from ? pass : without_dropout;
    if (options.stored.filled && block + 1 < options.stored.blocks) continue;
    const Hidden<T> y = buffers.next(layer + 1 >= options.keep_from && layer + 1 < layers, lanes != pass.replicas);
    const bool at_stored = block + 1 == options.stored.blocks;
    if (at_stored && options.stored.filled) {
      read_states(pass, options.stored, y);
      x = y;
      continue;
    }
    if (block == 0) embeddings_forward(now, y, lanes, keeps ? &kept : nullptr);
    else layer_forward(now, layer, x, y, lanes, wanted, keeps ? &kept.layers[static_cast<size_t>(layer)] : nullptr);
    x = y;
    if (at_stored) write_states(pass, options.stored, x.x);
    if (options.first_states) write_first_states(pass, x.x, wanted, x.shared, options.first_states + block * states);
  }
  return x.x;
}

template float* encoder_forward<float>(const Pass&, const EncoderOptions&, EncoderActivations<float>&);
template float* encoder_forward<bfloat>(const Pass&, const EncoderOptions&, EncoderActivations<bfloat>&);

}  // namespace lrdist::cuda
