// What a replica's rules mean for a tensor.
#pragma once

#include "chunk.cuh"
#include "penalty.h"

namespace lrdist::cuda {

// g += strength * fisher * (w - anchor); strength 0: nothing, anchor null: 0, fisher null: 1.
struct Pull {
  float strength;
  const float *anchor, *fisher;
};

DEVICE Pull gradient_pull(const ReplicaRules* rules, int replica, unsigned flags) {
  if (!rules) return {0, nullptr, nullptr};
  const ReplicaRules& r = rules[replica];
  if (r.penalty != pull_l2_sp && r.penalty != pull_ewc) return {0, nullptr, nullptr};
  if (!(flags & tensor_anchored)) return {r.head_strength, nullptr, nullptr};
  return {r.strength, r.anchor, r.penalty == pull_ewc ? r.fisher : nullptr};
}

// Mixout's factors of the columns of one tensor.
struct ColumnDraw {
  const unsigned short* numbers;  // null: not mixed
  unsigned columns, threshold;
  float scale;

  DEVICE explicit operator bool() const { return numbers != nullptr; }
  DEVICE float of(unsigned element) const { return numbers[element % columns] < threshold ? 0.0f : scale; }
};

DEVICE ColumnDraw column_draw(const ReplicaRules* rules, int replica, const TensorFacts& tensor, const unsigned short* numbers) {
  if (!rules || rules[replica].transform != transform_mixout || !(tensor.flags & tensor_mixed)) return {nullptr, 1, 0, 1};
  return {numbers + tensor.column_numbers, static_cast<unsigned>(tensor.columns), rules[replica].threshold, rules[replica].scale};
}

}  // namespace lrdist::cuda
