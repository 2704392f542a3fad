// Updates on the device against core's, on every kind of optimizer, penalty and transform.
#include <stdexcept>
#include <utility>

#include "update_case.h"

namespace lrdist::check {
namespace {

// Each change makes one case of the plain one.
void run_all(Context& c, const std::vector<std::pair<const char*, void (*)(UpdateCase&)>>& changes) {
  for (const auto& [name, change] : changes) {
    UpdateCase one;
    one.name = name;
    change(one);
    try {
      run_update(c, one);
    } catch (const std::exception& error) {
      throw std::runtime_error(one.name + ": " + error.what());
    }
  }
}

Penalty penalty(PenaltyKind kind, int64_t anchor, double strength, double head_strength = 0.2) {
  Penalty p;
  p.kind = kind;
  p.anchor = anchor;
  p.fisher = kind == PenaltyKind::ewc ? 2 : -1;
  p.strength = strength;
  p.head_strength = head_strength;
  p.slope = 0.4;
  p.midpoint = 5;
  return p;
}
Penalty l2(int64_t anchor) { return penalty(PenaltyKind::l2_sp, anchor, 0.5); }
Penalty ewc(int64_t anchor) { return penalty(PenaltyKind::ewc, anchor, 2); }
Penalty recadam(int64_t anchor, double strength) { return penalty(PenaltyKind::recadam, anchor, strength); }

Transform mixout(double p) { return {TransformKind::mixout, p, 0, -1}; }
Transform child(double p) { return {TransformKind::child_free, p, -1, -1}; }
Transform child_fisher(double p) { return {TransformKind::child_fisher, p, -1, 2}; }

}  // namespace

LRDIST_CHECK(update_adam) {
  run_all(c, {{"adamw", [](UpdateCase&) {}},
              {"one replica", [](UpdateCase& u) { u.replicas = 1, u.freeze = false; }},
              {"one replica that learns more later", [](UpdateCase& u) { u.replicas = 1; }},
              {"without decay", [](UpdateCase& u) { u.decay = 0; }},
              {"adam", [](UpdateCase& u) { u.optimizer = Optimizer::adam, u.decay = 0; }},
              {"coupled decay", [](UpdateCase& u) { u.optimizer = Optimizer::adam; }},
              {"dense steps", [](UpdateCase& u) { u.dense_steps = true; }},
              {"no clipping", [](UpdateCase& u) { u.clip = 0; }},
              {"strong clipping", [](UpdateCase& u) { u.clip = 0.01; }},
              {"factors per group", [](UpdateCase& u) { u.factors_per_group = true, u.clip = 1000; }},
              {"odd width", [](UpdateCase& u) { u.hidden = 6, u.low = false; }},
              {"wide rows", [](UpdateCase& u) { u.hidden = 288, u.replicas = 1, u.freeze = false; }}});
}

LRDIST_CHECK(update_not_finite) {
  run_all(c, {{"gradient", [](UpdateCase& u) { u.bad_replica = 1, u.freeze = false; }},
              {"loss", [](UpdateCase& u) { u.bad_replica = 0, u.bad_step = 0, u.bad_loss = true; }},
              {"the only replica", [](UpdateCase& u) { u.bad_replica = 0, u.replicas = 1, u.freeze = false; }}});
}

LRDIST_CHECK(update_penalties) {
  run_all(c, {{"l2-sp", [](UpdateCase& u) { u.penalties = {l2(0), l2(1), Penalty{}}; }},
              {"l2-sp, dense steps", [](UpdateCase& u) { u.penalties = {l2(0), l2(1), Penalty{}}, u.dense_steps = true; }},
              {"l2-sp of body or heads", [](UpdateCase& u) {
                 u.penalties = {penalty(PenaltyKind::l2_sp, 0, 0.5, 0), penalty(PenaltyKind::l2_sp, 0, 0, 0.5), l2(1)}, u.decay = 0;
               }},
              {"l2-sp, all anchored", [](UpdateCase& u) { u.penalties = {l2(0), l2(1), l2(0)}, u.anchored = Anchored::all, u.decay = 0; }},
              {"l2-sp, no table anchored", [](UpdateCase& u) {
                 u.penalties = {l2(0), l2(1), l2(0)}, u.anchored = Anchored::encoder, u.decay = 0;
               }},
              {"ewc", [](UpdateCase& u) { u.penalties = {ewc(0), ewc(1), l2(0)}, u.freeze = false; }},
              {"ewc, adam", [](UpdateCase& u) { u.penalties = {ewc(0), ewc(1), Penalty{}}, u.freeze = false, u.decay = 0, u.optimizer = Optimizer::adam; }},
              {"ewc, odd width", [](UpdateCase& u) { u.penalties = {ewc(0), ewc(1), Penalty{}}, u.freeze = false, u.hidden = 6, u.low = false; }},
              {"recadam", [](UpdateCase& u) { u.penalties = {recadam(0, 3), recadam(1, 500), Penalty{}}, u.freeze = false; }},
              {"recadam without decay", [](UpdateCase& u) { u.penalties = {recadam(0, 3), recadam(1, 500), recadam(0, 1)}, u.decay = 0; }},
              {"recadam, no table anchored", [](UpdateCase& u) {
                 u.penalties = {recadam(0, 3), recadam(1, 5), recadam(0, 1)}, u.anchored = Anchored::encoder, u.decay = 0;
               }},
              {"recadam, coupled decay", [](UpdateCase& u) {
                 u.penalties = {recadam(0, 3), Penalty{}, recadam(1, 500)}, u.optimizer = Optimizer::adam, u.freeze = false;
               }}});
}

LRDIST_CHECK(update_transforms) {
  run_all(c, {{"mixout", [](UpdateCase& u) { u.transforms = {mixout(0.3), Transform{}, mixout(0.6)}; }},
              {"mixout, one replica", [](UpdateCase& u) { u.transforms = {mixout(0.3)}, u.replicas = 1, u.freeze = false; }},
              {"mixout with penalties", [](UpdateCase& u) {
                 u.transforms = {mixout(0.3), mixout(0.6), Transform{}}, u.penalties = {l2(0), Penalty{}, ewc(0)};
               }},
              {"mixout, odd width", [](UpdateCase& u) { u.transforms = {mixout(0.3), mixout(0.6), Transform{}}, u.hidden = 6, u.low = false; }},
              {"mixout, wide", [](UpdateCase& u) { u.transforms = {mixout(0.3), mixout(0.6)}, u.hidden = 144, u.replicas = 2; }},
              {"child", [](UpdateCase& u) { u.transforms = {child(0.4), Transform{}, child(0.2)}; }},
              {"child by fisher", [](UpdateCase& u) { u.transforms = {child_fisher(0.2), child(0.4), child_fisher(0.9)}, u.freeze = false; }},
              {"child, odd width", [](UpdateCase& u) {
                 u.transforms = {child_fisher(0.2), child(0.4), child_fisher(0.1)}, u.freeze = false, u.hidden = 6, u.low = false;
               }},
              {"child, wide", [](UpdateCase& u) { u.transforms = {child_fisher(0.2), child(0.4)}, u.freeze = false, u.hidden = 144, u.replicas = 2; }},
              {"everything", [](UpdateCase& u) {
                 u.penalties = {recadam(0, 3), ewc(0), l2(1)}, u.transforms = {child_fisher(0.2), mixout(0.4), child(0.5)};
                 u.freeze = false, u.factors_per_group = true, u.dense_steps = true, u.bad_replica = 2, u.bad_step = 2;
               }}});
}

}  // namespace lrdist::check
