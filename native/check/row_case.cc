#include "row_case.h"

namespace lrdist::check {

void for_row_cases(cuda::Device& device, void (*check)(RowCase&)) {
  std::vector<std::string> failures;
  const auto run = [&](int64_t width, int64_t replicas, int64_t gap, int count) {
    RowCase c{device, replicas, width, gap, count, {std::mt19937(static_cast<unsigned>(width + count))}, failures};
    check(c);
  };
  for (const int64_t width : {17, 24, 128, 384, 768, 1030, 1032}) run(width, 3, 16, 37);
  run(24, 3, 3, 37);  // replicas at addresses that no vector can be loaded from
  run(24, 1, 16, batch_padded);
  run(24, 2, 16, 0);
  if (failures.empty()) return;
  std::string text = std::to_string(failures.size()) + " differences";
  for (size_t i = 0; i < failures.size() && i < 5; ++i) text += "; " + failures[i];
  throw std::runtime_error(text);
}

}  // namespace lrdist::check
