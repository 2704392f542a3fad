#include "batch.h"

#include <algorithm>

#include "../kernels/philox.h"

namespace lrdist {

Batch make_batch(const Ragged& data, const int32_t* rows, int64_t count, int64_t first_slot, const int32_t* slots) {
  Batch b;
  size_t tokens = 0;
  for (int64_t i = 0; i < count; ++i) tokens += static_cast<size_t>(data.offsets[rows[i] + 1] - data.offsets[rows[i]]);
  for (std::vector<int32_t>* list : {&b.ids, &b.types, &b.position, &b.slot}) list->reserve(tokens);
  b.cu.push_back(0);
  for (int64_t i = 0; i < count; ++i) {
    const int32_t row = rows[i];
    const int32_t slot = slots ? slots[i] : static_cast<int32_t>(first_slot + i);
    const int32_t begin = data.offsets[row], end = data.offsets[row + 1];
    b.wanted.token.push_back(b.cu.back());
    b.wanted.position.push_back(0);
    b.wanted.slot.push_back(slot);
    for (int32_t t = begin; t < end; ++t) {
      b.ids.push_back(data.ids[t]);
      b.types.push_back(data.types[t]);
      b.position.push_back(t - begin);
      b.slot.push_back(slot);
    }
    b.cu.push_back(static_cast<int32_t>(b.ids.size()));
    b.labels.push_back(data.labels[row]);
    b.dataset_row.push_back(row);
  }
  for (int64_t i = 0; i <= count; ++i) b.wanted.cu.push_back(static_cast<int32_t>(i));
  return b;
}

std::vector<int64_t> cuts_by_tokens(const Ragged& data, const std::vector<int32_t>& rows, int64_t tokens) {
  std::vector<int64_t> cuts{0};
  int64_t count = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    count += data.offsets[rows[i] + 1] - data.offsets[rows[i]];
    if (count < tokens && i + 1 < rows.size()) continue;
    cuts.push_back(static_cast<int64_t>(i) + 1);
    count = 0;
  }
  return cuts;
}

void mask_tokens(Batch& batch, const Masking& masking, int64_t vocab, uint64_t seed, int64_t step) {
  const auto is_special = [&](int32_t id) { return std::find(masking.special.begin(), masking.special.end(), id) != masking.special.end(); };
  const auto threshold = static_cast<uint64_t>(masking.probability * 4294967296.0);
  Selection wanted;
  batch.targets.clear();
  wanted.cu.push_back(0);
  for (int64_t row = 0; row < batch.rows(); ++row) {
    for (int32_t t = batch.cu[row]; t < batch.cu[row + 1]; ++t) {
      const int32_t id = batch.ids[t];
      if (is_special(id)) continue;
      const auto draw = kernels::philox(0, static_cast<uint32_t>(batch.position[t]) | kernels::site_masking << 16, static_cast<uint32_t>(batch.slot[t]),
                                        static_cast<uint32_t>(step), static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32));
      if (draw.x[0] >= threshold) continue;
      wanted.token.push_back(t);
      wanted.position.push_back(batch.position[t]);
      wanted.slot.push_back(batch.slot[t]);
      batch.targets.push_back(id);
      // 80 % mask, 10 % random, 10 % unchanged (Devlin et al. 2019)
      if (draw.x[1] < 3435973837u) batch.ids[t] = masking.mask_id;
      else if (draw.x[1] < 3865470566u) {
        auto random = static_cast<int32_t>(draw.x[2] % static_cast<uint64_t>(vocab));
        for (int64_t tries = 0; is_special(random) && tries < vocab; ++tries) random = static_cast<int32_t>((random + 1) % vocab);
        batch.ids[t] = random;
      }
    }
    wanted.cu.push_back(static_cast<int32_t>(wanted.token.size()));
  }
  batch.wanted = std::move(wanted);
}

}  // namespace lrdist
