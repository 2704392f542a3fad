#include "embeddings.h"

#include "norm.cuh"

namespace lrdist::cuda {

template <int held>
DEVICE void embed(const Embed& a) {
  const int row = norm_row_index(), count = real_rows(a.rows.count, 0, a.rows.padded);
  if (row >= a.rows.padded) return;
  const bool real = row < count;
  const float* word = row_of(of_replica(a.word, a.weights), real ? a.ids[row] : 0, a.width);
  const float* position = row_of(of_replica(a.position, a.weights), real ? a.rows.position[row] : 0, a.width);
  const float* type = row_of(of_replica(a.type, a.weights), real ? a.types[row] : 0, a.width);
  const unsigned step = step_of(a.dropout);
  const bool vectors = held > 0 || a.vectors;
  const auto fetch = [&](int column, float(&v)[8], float(&w)[8]) {
    load_eight(word, column, a.width, vectors, v);
    load_eight(position, column, a.width, vectors, w);
  };
  const auto combine = [&](int column, float(&v)[8], const float(&w)[8]) {
    float t[8];
    load_eight(type, column, a.width, vectors, t);
    UNROLL for (int i = 0; i < 8; ++i) v[i] = v[i] + t[i] + w[i];
  };
  norm_row<held>(a, row, count, fetch, combine, [&](int column, float(&v)[8]) { drop_eight(a.dropout, step, a.rows, row, column, v); });
}
LRDIST_KERNEL(embed_any, 128, embed<0>)
LRDIST_KERNEL(embed_1, 128, embed<1>)
LRDIST_KERNEL(embed_2, 128, embed<2>)
LRDIST_KERNEL(embed_3, 128, embed<3>)
LRDIST_KERNEL(embed_4, 128, embed<4>)

}  // namespace lrdist::cuda
