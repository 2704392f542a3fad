// One session on several devices: a whole engine for each, which do every job together (group.h). Training takes the steps that one device would take,
// each device with its share of a batch's rows; evaluations, Fisher information and mean gradients are divided by rows. All hold the same bits, so one of them
// answers for all.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "../compute_thread.h"
#include "cuda_engine.h"
#include "group.h"

namespace lrdist::cuda {

class DataParallelEngine : public Engine {
 public:
  // spec.device names no device but is the list that `devices` has.
  DataParallelEngine(const SessionSpec& spec, const std::vector<std::string>& devices);
  ~DataParallelEngine() override;

  std::vector<ParameterInfo> parameters() const override { return first().parameters(); }
  std::string matmul() const override { return first().matmul(); }
  int64_t replicas() const override { return first().replicas(); }
  int64_t add_head(const HeadSpec& head) override;
  int64_t add_dataset(Ragged data) override;
  void remove_dataset(int64_t dataset) override;
  void load(const std::vector<FileTensor>& tensors) override;
  void initialize(const std::vector<int32_t>& parameters, double std, uint64_t seed) override;
  void set_plan(Plan plan) override;
  SegmentResult train(const Segment& segment, const std::function<void(StepEvent&&)>& on_step) override;
  std::vector<float> evaluate(const Evaluation& evaluation) override;
  int64_t fisher(const FisherSpec& fisher) override;
  int64_t gradient(const GradientSpec& gradient) override;
  std::vector<double> compare(const Operand& a, const Operand& b) const override { return first().compare(a, b); }
  void set_replicas(const std::vector<int32_t>& order) override;
  int64_t fit(const FitSpec& spec) override;
  int64_t snapshot(bool all) override;
  void restore(int64_t slot) override;
  void release(int64_t slot) override;
  std::vector<float> read(const Source& source) const override { return first().read(source); }
  void write(const std::string& path, const std::string& header, const std::vector<Source>& sources) const override;
  // Of all devices together.
  Memory memory() const override;
  Peaks measure_peaks(const PeakSpec& spec) override { return first().measure_peaks(spec); }

 private:
  // Whether a job that fails leaves the devices with different weights.
  enum class Leaves { unchanged, changed };

  CudaEngine& first() const { return *engines_.front(); }
  // f(engine, rank) on every device's thread, the first on this one. The first failure of its own that a device had is thrown.
  void on_all(Leaves leaves, const std::function<void(CudaEngine&, int)>& f);
  // The same for an f that makes a slot, whose id is the same on all. If one fails, none keeps it.
  int64_t slot_on_all(const std::function<int64_t(CudaEngine&)>& f);
  void require_same(bool same, const char* what);

  const std::shared_ptr<Group> group_;
  const int64_t longest_row_;  // tokens
  std::vector<std::unique_ptr<CudaEngine>> engines_;
  std::vector<std::unique_ptr<ComputeThread>> threads_;  // of all but the first
  std::map<int64_t, int64_t> dataset_rows_;
  bool differ_ = false;  // the devices may hold different weights
};

}  // namespace lrdist::cuda
