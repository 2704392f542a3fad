// The batch on the device: the record that was copied last, at a fixed place, seen through its bucket.
#pragma once

#include "../../kernels/cuda/kernel.h"
#include "record.h"

namespace lrdist::cuda {

struct DeviceBatch {
  Bucket bucket;
  RecordLayout layout;
  int* record;

  DeviceBatch(const Bucket& b, int* data) : bucket(b), layout(b), record(data) {}

  const int* at(int place) const { return record + place; }
  const int* row_count() const { return at(RecordLayout::rows); }
  const double* weight() const { return reinterpret_cast<const double*>(at(RecordLayout::weight)); }
  Rows tokens() const { return {at(RecordLayout::tokens), bucket.tokens, at(layout.position), at(layout.slot)}; }
  Rows wanted() const { return {at(RecordLayout::wanted), bucket.wanted, at(layout.wanted_position), at(layout.wanted_slot)}; }
};

}  // namespace lrdist::cuda
