// The engine on a GPU, or on the emulator. All replicas run at once: K is a leading dimension of every buffer, product and kernel.
#pragma once

#include <memory>

#include "../engine.h"

namespace lrdist::cuda {

struct Rank;
struct State;

class CudaEngine : public Engine {
 public:
  // Opens nothing yet: the device belongs to the thread of the first job.
  explicit CudaEngine(const SessionSpec& spec);
  // One of several that do every job together. spec.device is this rank's own.
  CudaEngine(const SessionSpec& spec, const Rank& rank);
  ~CudaEngine() override;

  std::vector<ParameterInfo> parameters() const override;
  std::string matmul() const override;
  int64_t replicas() const override;
  int64_t add_head(const HeadSpec& head) override;
  int64_t add_dataset(Ragged data) override { return add_dataset(std::make_shared<const Ragged>(std::move(data))); }
  int64_t add_dataset(std::shared_ptr<const Ragged> data);
  // The id of the next slot; may be raised, so that the ranks of a group go on with the same.
  int64_t& next_slot();
  void remove_dataset(int64_t dataset) override;
  void load(const std::vector<FileTensor>& tensors) override;
  void initialize(const std::vector<int32_t>& parameters, double std, uint64_t seed) override;
  void set_plan(Plan plan) override;
  SegmentResult train(const Segment& segment, const std::function<void(StepEvent&&)>& on_step) override;
  std::vector<float> evaluate(const Evaluation& evaluation) override;
  int64_t fisher(const FisherSpec& fisher) override;
  int64_t gradient(const GradientSpec& gradient) override;
  std::vector<double> compare(const Operand& a, const Operand& b) const override;
  void set_replicas(const std::vector<int32_t>& order) override;
  int64_t fit(const FitSpec& spec) override;
  int64_t snapshot(bool all) override;
  void restore(int64_t slot) override;
  void release(int64_t slot) override;
  std::vector<float> read(const Source& source) const override;
  void write(const std::string& path, const std::string& header, const std::vector<Source>& sources) const override;
  Memory memory() const override;
  Peaks measure_peaks(const PeakSpec& spec) override;

 private:
  // Of the group, if there is one.
  const std::atomic<bool>& stop_flag() const;

  std::unique_ptr<State> state_;
};

}  // namespace lrdist::cuda
