// One case of an update, as a small model and its plan.
#pragma once

#include <string>
#include <vector>

#include "check.h"
#include "core/engine.h"

namespace lrdist::check {

// Which tensors have an anchor: the encoder is the body without the tables of the embeddings.
enum class Anchored { all, body, encoder };

struct UpdateCase {
  std::string name;
  int64_t replicas = 3, hidden = 16, vocab = 70;
  Optimizer optimizer = Optimizer::adamw;
  double decay = 0.1, clip = 1;
  bool factors_per_group = false;
  bool dense_steps = false;  // every second step writes the whole word embedding and another head
  bool freeze = true;        // replicas have frozen groups of their own
  std::vector<Penalty> penalties;
  std::vector<Transform> transforms;
  Anchored anchored = Anchored::body;
  bool low = true;
  int bad_replica = -1, bad_step = 1;  // whose gradient, or loss, is not finite in the first segment
  bool bad_loss = false;
};

// Throws where device and processor differ.
void run_update(Context& c, const UpdateCase& one);

}  // namespace lrdist::check
