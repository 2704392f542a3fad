// The engine's interface: plain structs in, plain structs out. No Node-API here; the shell converts.
// Meaning, shapes and units of every field: lib/native/boundary.ts, which has the same names.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace lrdist {

// An error with a stable code (ERR_...), for the shell to pass on.
struct Error : std::runtime_error {
  Error(std::string code, const std::string& message) : std::runtime_error(message), code(std::move(code)) {}
  std::string code;
};

struct ModelSpec {
  int64_t vocab, max_positions, type_vocab, hidden, layers, heads, intermediate;
  double layer_norm_eps, hidden_dropout, attention_dropout;
  bool pooler;
};

enum class HeadKind { classification, masked_lm };

struct HeadSpec {
  std::string name;
  HeadKind kind;
  int64_t outputs;
  bool pooler;  // else the raw state of the first token
  double dropout;
};

enum class Precision { fp32, tf32, bf16 };

struct SessionSpec {
  ModelSpec model;
  std::vector<HeadSpec> heads;
  int64_t replicas;
  int threads;
  uint64_t seed;
  std::string matmul;  // matmul.h
  Precision precision = Precision::fp32;
  std::string device = "cpu";
};

struct ParameterInfo {
  std::string name;
  std::vector<int64_t> shape;
};

enum class Buffer { weights, exp_avg, exp_avg_sq, gradients, steps, touched, slot };
enum class DType { f32, f16, bf16, f64, i64, u8 };

struct Source {
  Buffer buffer;
  int64_t parameter, replica, slot;
};

struct FileTensor {
  std::string path;
  int64_t offset;
  DType dtype;
  Buffer buffer;
  int64_t parameter, replica;  // replica -1: all
  int64_t slot = -1;
};

struct Ragged {
  std::vector<int32_t> ids;
  std::vector<uint8_t> types;
  std::vector<int32_t> offsets;
  std::vector<float> labels;
  int64_t rows() const { return static_cast<int64_t>(offsets.size()) - 1; }
};

enum class Optimizer { adam, adamw };

enum class PenaltyKind { none, l2_sp, ewc, recadam };

// Pull towards the anchor's weights; penalties.h has the formulas.
struct Penalty {
  PenaltyKind kind = PenaltyKind::none;
  int64_t anchor = -1, fisher = -1;  // slots
  double strength = 0, head_strength = 0;
  double slope = 0, midpoint = 0;  // RecAdam's k and t0
};

enum class TransformKind { none, mixout, child_free, child_fisher };

struct Transform {
  TransformKind kind = TransformKind::none;
  double probability = 0;  // mixout: of the anchor's weight; child: of keeping a gradient
  int64_t anchor = -1, fisher = -1;
};

struct Plan {
  std::vector<int32_t> group_of;
  int64_t groups;
  std::vector<double> rates, decay;  // [K x G]
  Optimizer optimizer;
  double beta1, beta2, eps;
  bool fresh_moments;
  std::vector<Penalty> penalties;    // [K] or empty
  std::vector<Transform> transforms; // [K] or empty
  std::vector<uint8_t> anchored;     // [P] tensors that have an anchor (the body); empty = all
};

enum class Loss { cross_entropy, double_softmax, mse, masked_lm, distillation };

struct Masking {
  double probability = 0;
  int32_t mask_id = 0;
  std::vector<int32_t> special;
};

struct Part {
  int64_t head, dataset;
  Loss loss;
  double label_smoothing;
  Masking masking;
  std::vector<float> targets;  // distillation: teacher's logits [K x dataset rows x outputs]
  double temperature = 1;
};

struct Segment {
  int64_t steps;
  std::vector<Part> parts;
  std::vector<int32_t> batch_part, batch_step, rows, row_offsets;
  std::vector<double> weights, factors;
  bool factors_per_group;
  double clip_norm;
  int64_t step_offset;
  int64_t stage_offset = 0;  // step_offset of the stage's first segment
  bool dropout;
  bool frozen_dropout = true;
};

struct StepEvent {
  int64_t step, tokens;
  std::vector<float> losses, grad_norms;
};

struct SegmentResult {
  int64_t steps, tokens;
  bool stopped;
  std::vector<float> losses, grad_norms;
  std::vector<int32_t> non_finite;
  int64_t synchronizations = 0;
};

enum class Want { logits, losses, cls, layers };

struct Evaluation {
  int64_t head, dataset;
  bool all_rows;
  std::vector<int32_t> rows;
  Want want;
  Loss loss;
  Masking masking;
  int64_t batch_tokens;
};

struct FisherSpec {
  int64_t head, dataset;
  std::vector<int32_t> rows;
  Loss loss;
  Masking masking;
  bool labels_from_model;
};

struct GradientSpec {
  int64_t head, dataset;
  std::vector<int32_t> rows;
  Loss loss;
  Masking masking;
  int64_t batch_tokens;
};

// Two buffers to compare, tensor by tensor.
struct Operand {
  Buffer buffer;  // weights, exp_avg, exp_avg_sq or slot
  int64_t slot = -1;
};

// A linear layer over m rows: weight [n, k].
struct PeakShape {
  int64_t m, n, k;
};
struct PeakSpec {
  std::vector<PeakShape> shapes;
  Precision precision = Precision::fp32;
  int64_t rounds = 1;
};
struct Peaks {
  std::vector<std::string> libraries;
  std::vector<double> flops_per_second;  // [shapes x forward, input, weight x libraries]
  double copy_bytes_per_second = 0;
};

struct Memory {
  int64_t weights, moments, gradients, slots, datasets, activations, prefix;
};

struct FitSpec {
  int64_t replicas, tokens, rows, slots;
};

// All methods but the const ones, `stop` and those that boundary.ts has without a promise run on the session's compute thread, one at a time. Long ones poll `stop` and end early with
// Error{"ERR_STOPPED"} (train instead returns what it did, stopped = true). Misuse throws Error.
class Engine {
 public:
  Engine() = default;
  virtual ~Engine() = default;
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  virtual std::vector<ParameterInfo> parameters() const = 0;
  // The libraries chosen for the matrix products, as text; measures unless the session was told.
  virtual std::string matmul() const = 0;
  virtual int64_t replicas() const = 0;

  virtual int64_t add_head(const HeadSpec& head) = 0;
  virtual int64_t add_dataset(Ragged data) = 0;
  virtual void remove_dataset(int64_t dataset) = 0;
  virtual void load(const std::vector<FileTensor>& tensors) = 0;
  virtual void initialize(const std::vector<int32_t>& parameters, double std, uint64_t seed) = 0;
  virtual void set_plan(Plan plan) = 0;
  virtual SegmentResult train(const Segment& segment, const std::function<void(StepEvent&&)>& on_step) = 0;
  virtual std::vector<float> evaluate(const Evaluation& evaluation) = 0;
  virtual int64_t fisher(const FisherSpec& fisher) = 0;
  virtual int64_t gradient(const GradientSpec& gradient) = 0;
  virtual std::vector<double> compare(const Operand& a, const Operand& b) const = 0;
  virtual void set_replicas(const std::vector<int32_t>& order) = 0;
  virtual int64_t fit(const FitSpec& spec) = 0;
  virtual int64_t snapshot(bool all) = 0;
  virtual void restore(int64_t slot) = 0;
  virtual void release(int64_t slot) = 0;
  virtual std::vector<float> read(const Source& source) const = 0;
  virtual void write(const std::string& path, const std::string& header, const std::vector<Source>& sources) const = 0;
  virtual Memory memory() const = 0;
  virtual Peaks measure_peaks(const PeakSpec& spec) = 0;

  std::atomic<bool> stop{false};
};

// The engine of the device that the spec names: "cpu", "cuda", "cuda:1", ... or "emulated", which runs the kernels of CUDA on the processor.
// Throws ERR_DEVICE_UNAVAILABLE.
std::unique_ptr<Engine> make_engine(const SessionSpec& spec);

// Facts about the process, for info().
std::string libtorch_compiled();
std::string libtorch_loaded();
std::string libtorch_config();
int default_threads();
bool has_bf16();  // whether the processor multiplies bfloat16
int64_t total_memory();
// Called once on the compute thread before any job.
void prepare_compute_thread(int threads);
// The same on a thread that feeds a GPU: what it computes itself, it computes alone.
void prepare_device_thread();

}  // namespace lrdist
