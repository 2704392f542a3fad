// How much device memory a session's replicas take, and how many of them there is room for. Plain numbers: nothing here asks a device.
#pragma once

#include "../layout.h"

namespace lrdist::cuda {

// The largest micro-batch. A head reads `wanted` tokens of the last layer: a classifier one for each row, a language model at most all of them.
struct BatchSizes {
  int64_t tokens = 0, rows = 0, wanted = 0;
};
// Where only the sizes of the batch are known: language models are asked for a quarter of the tokens at most (they mask 15 %).
int64_t wanted_tokens(const Layout& layout, int64_t tokens, int64_t rows);

// Bytes of one replica, by what they are for.
struct ReplicaBytes {
  int64_t weights = 0;      // and their bf16 copies
  int64_t moments = 0;      // with step counts and touched rows
  int64_t gradients = 0;
  int64_t mixed = 0;        // Mixout's weights of a step
  int64_t slots = 0;
  int64_t activations = 0;  // of one forward and backward pass

  int64_t all() const { return weights + moments + gradients + mixed + slots + activations; }
};

ReplicaBytes bytes_of_weights(const Layout& layout, Precision precision);
int64_t bytes_of_moments(const Layout& layout);
// Of training with batches of these sizes. plan: may be null; slots: how many of all weights each replica has.
ReplicaBytes bytes_of_training(const Layout& layout, Precision precision, const BatchSizes& batch, const Plan* plan, int64_t slots);

// Bytes kept free for what the plan does not count: libraries' workspaces, graphs, tables.
int64_t reserve(int64_t free);

// The largest number of replicas, at most `wanted`, that `free` bytes hold.
int64_t replicas_that_fit(int64_t free, int64_t wanted, int64_t bytes_of_one);

// ERR_OUT_OF_MEMORY with what would fit; `what` has a plural form ("the weights").
Error does_not_fit(const std::string& what, int64_t wanted, int64_t fitting, const std::string& device);

}  // namespace lrdist::cuda
