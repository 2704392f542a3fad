#include "evaluation.h"

#include <algorithm>
#include <numeric>

namespace lrdist {

std::vector<std::vector<int32_t>> batches_by_length(const Ragged& data, const std::vector<int32_t>& rows, int64_t batch_tokens) {
  const auto length = [&](int32_t place) { return data.offsets[rows[place] + 1] - data.offsets[rows[place]]; };
  std::vector<int32_t> order(rows.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) { return length(a) > length(b); });
  std::vector<std::vector<int32_t>> batches;
  int64_t tokens = 0;
  for (const int32_t place : order) {
    if (batches.empty() || tokens + length(place) > batch_tokens) {
      batches.emplace_back();
      tokens = 0;
    }
    batches.back().push_back(place);
    tokens += length(place);
  }
  return batches;
}

int64_t result_width(const Layout& layout, const Evaluation& e) {
  const HeadSpec& head = layout.head_specs[static_cast<size_t>(e.head)];
  switch (e.want) {
    case Want::logits: return head.outputs;
    case Want::losses: return head.kind == HeadKind::masked_lm ? 2 : 1;
    case Want::cls: return layout.model.hidden;
    case Want::layers: return (layout.model.layers + 1) * layout.model.hidden;
  }
  return 0;
}

std::vector<int32_t> rows_of(const Evaluation& e, const Ragged& data) {
  if (!e.all_rows) return e.rows;
  std::vector<int32_t> rows(static_cast<size_t>(data.rows()));
  std::iota(rows.begin(), rows.end(), 0);
  return rows;
}

}  // namespace lrdist
