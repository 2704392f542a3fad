// What passes keep from job to job: the place of records, activations, graphs, results.
#pragma once

#include <functional>
#include <map>

#include "encoder.h"
#include "graph_cache.h"
#include "head_pass.h"
#include "record_feed.h"
#include "state.h"
#include "state_store.h"
#include "track.h"

namespace lrdist::cuda {

// A forward pass and its head, as a graph sees it.
struct PassKind {
  Bucket bucket;
  HeadTask task;
  EncoderOptions encoder;
  bool dropout = false;
  bool mixed = false;  // reads Mixout's weights
};

struct Passes {
  explicit Passes(State& state) : feed(state.device()) {}

  RecordFeed feed;
  std::vector<std::unique_ptr<Track>> tracks;
  Array<char> activations;
  StateStore store;
  GraphCache graphs;
  Array<double> step_loss;  // [K]
  Array<double> factors;
  Array<float> results;     // [steps][2][K]: losses, gradient norms
  Array<int> non_finite;    // [K]
  std::map<int64_t, Array<float>> teachers;  // by the segment's part
  Array<float> mixed;
  Array<bfloat> mixed_low;
  Array<float> output;      // of evaluations
  int64_t generation = -1;  // of the state, when the graphs were recorded

  // Graphs become void if the state's addresses have changed.
  void keep_graphs(State& state);
  // Makes the activations' memory large enough for `bytes`.
  void reserve(State& state, int64_t bytes);
  // Makes an array hold `size` at least; graphs that know its old place are void.
  template <class T>
  void grow(State& state, Array<T>& array, int64_t size) {
    if (size <= array.size()) return;
    graphs.clear(state.device());
    array = {};
    array = Array<T>(state.device(), size);
  }
};

// The passes of this state, made when first needed.
Passes& passes_of(State& state);

// The weights that a pass reads, from replica `first` on.
Weights weights_of(State& state, const Passes& passes, bool mixed, int64_t first = 0);

// Calls f(pass) with a pass of that kind; T is float or bfloat by the session's precision: f.template operator()<T>(pass).
template <class F>
auto with_precision(const State& state, const F& f) {
  if (state.spec.precision == Precision::bf16) return f.template operator()<bfloat>();
  return f.template operator()<float>();
}

// Bytes of activations that `work(device, arena)` needs.
int64_t planned_bytes(State& state, const std::function<void(Device&, Arena&)>& work);

// Two numbers of a double, and so on, for keys of graphs.
void append_key(GraphCache::Key& key, const PassKind& kind);
void append_key(GraphCache::Key& key, const std::vector<uint8_t>& flags);

}  // namespace lrdist::cuda
