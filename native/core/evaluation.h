// What evaluations on every device have in common.
#pragma once

#include <vector>

#include "engine.h"
#include "layout.h"

namespace lrdist {

// Masking in evaluation is a function of the row alone.
constexpr int64_t evaluation_step = 0xFFFFFFFF;

// Places of `rows`, longest first, cut into batches of about that many tokens.
std::vector<std::vector<int32_t>> batches_by_length(const Ragged& data, const std::vector<int32_t>& rows, int64_t batch_tokens);

// The rows that are asked for.
std::vector<int32_t> rows_of(const Evaluation& evaluation, const Ragged& data);

// Floats for each row.
int64_t result_width(const Layout& layout, const Evaluation& evaluation);

}  // namespace lrdist
