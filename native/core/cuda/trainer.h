// One segment on the device: records of its batches, one graph for each step, results that come back while the next steps are under way.
#pragma once

#include <atomic>
#include <deque>
#include <map>

#include "passes.h"

namespace lrdist::cuda {

class Trainer {
 public:
  // Makes and uploads what the segment needs; may wait for the device.
  Trainer(State& state, const Segment& segment, const std::function<void(StepEvent&&)>& on_step);
  ~Trainer();
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;
  // Does not wait for the device but to keep the queue short, and at the end.
  SegmentResult run(const std::atomic<bool>& stop);

 private:
  // Which tensors have a gradient of this step.
  struct Written {
    std::vector<uint8_t> tensors;
    bool word_dense = false;
  };
  struct PlannedPass {
    PassKind kind;
    GraphCache::Key key;  // kind and what was written before
    const Written *before, *after;
  };
  struct PlannedStep {
    std::vector<PlannedPass> passes;
    int64_t tokens = 0;
  };
  struct Waiting {
    std::unique_ptr<Mark> mark;
    int64_t step, tokens;
  };

  void find_learning();
  // Frozen blocks that are the same for all replicas, from the embeddings up.
  int64_t shared_blocks();
  void upload_tables();
  void make_tracks();
  void begin_updates();
  UpdateBuffers buffers_of(const Track& track) const;

  bool goes_on(int64_t step, const std::atomic<bool>& stop);

  // Packs and sends the batches of the next steps.
  void pack();
  PassKind kind_of(int64_t part, const Bucket& bucket) const;
  PlannedPass plan(const PassKind& kind, const Written*& written);

  const Track& largest_track() const;
  void run_pass(Device& device, Arena& arena, const PassKind& kind, const Track& track, bool add_loss);
  void record_pass(const PlannedPass& pass, Track& track, bool first);
  void record_update(Track& track, int64_t step_kind);
  void enqueue(const PlannedStep& step);
  // One graph for passes and update.
  void enqueue_whole(const PlannedPass& pass);
  // A graph for each pass and one for the update, on queues of their own if there are two tracks.
  void enqueue_passes(const PlannedStep& step, size_t track);
  void enqueue_update(const PlannedStep& step, size_t track);
  // Sums what the passes left over all ranks.
  void exchange(const Written& written, const Track& track);

  void send_results(int64_t step, int64_t tokens);
  // Passes on the results of steps that are done; with `all`, waits for them.
  void report(bool all);

  State& s_;
  Device& device_;
  Passes& p_;
  const Segment& segment_;
  const std::function<void(StepEvent&&)>& on_step_;
  const int64_t k_;
  Communicator* const ranks_;  // null: this device is alone

  Learning learning_;  // of any replica; the update looks at each one's own
  int64_t lowest_ = 0, shared_ = 0;
  std::vector<int64_t> dropout_from_;  // [K]: lowest layer with dropout, -1 the embeddings
  bool mixed_ = false;
  bool keeps_states_ = false;  // of frozen blocks, from epoch to epoch
  GradientArena gradients_;
  Written nothing_;
  std::map<GraphCache::Key, Written> planned_;
  bool overlaps_ = false;                                         // updates have a queue of their own
  std::vector<std::unique_ptr<Mark>> passes_done_, updates_done_;  // of the last step, by track

  std::deque<PlannedStep> steps_;  // packed, not yet in the queue
  size_t next_batch_ = 0;
  int64_t next_step_ = 0;          // to be packed

  std::deque<Waiting> waiting_;
  std::unique_ptr<DeviceMemory> ring_;  // results on the host [queue_depth + 1][2][K]
  std::vector<uint8_t> finite_;         // [K], as far as results are known
  bool dead_ = false;                   // none is finite any more
  SegmentResult result_{};
};

}  // namespace lrdist::cuda
