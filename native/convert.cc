#include "convert.h"

#include <cstring>

#include "fields.h"

namespace lrdist {
namespace {

constexpr double infinite = std::numeric_limits<double>::max();

const Choices<Loss> losses = {{"cross-entropy", Loss::cross_entropy},
                              {"double-softmax", Loss::double_softmax},
                              {"mse", Loss::mse},
                              {"masked-lm", Loss::masked_lm},
                              {"distillation", Loss::distillation}};

// Those that need no teacher.
const Choices<Loss> row_losses = {
    {"cross-entropy", Loss::cross_entropy}, {"double-softmax", Loss::double_softmax}, {"mse", Loss::mse}, {"masked-lm", Loss::masked_lm}};

const Choices<Loss> label_losses = {{"cross-entropy", Loss::cross_entropy}, {"mse", Loss::mse}, {"masked-lm", Loss::masked_lm}};

const Choices<Buffer> buffers = {{"weights", Buffer::weights}, {"exp_avg", Buffer::exp_avg}, {"exp_avg_sq", Buffer::exp_avg_sq},
                                 {"gradients", Buffer::gradients}, {"steps", Buffer::steps}, {"touched", Buffer::touched},
                                 {"slot", Buffer::slot}};

// The bounds are far beyond any model, and so small that sizes computed from them cannot overflow.
ModelSpec read_model(const Fields& f) {
  ModelSpec m;
  m.vocab = f.integer("vocab", 1, 1 << 22);
  m.max_positions = f.integer("maxPositions", 1, 1 << 20);
  m.type_vocab = f.integer("typeVocab", 1, 1 << 16);
  m.hidden = f.integer("hidden", 1, 1 << 16);
  m.layers = f.integer("layers", 1, 1024);
  m.heads = f.integer("heads", 1, 1024);
  m.intermediate = f.integer("intermediate", 1, 1 << 20);
  m.layer_norm_eps = f.number("layerNormEps", 0, 1);
  m.hidden_dropout = f.number("hiddenDropout", 0, 1, true);
  m.attention_dropout = f.number("attentionDropout", 0, 1, true);
  m.pooler = f.boolean("pooler");
  if (m.hidden % m.heads != 0) {
    refuse(f.path("heads"), std::to_string(m.heads) + " heads do not divide a hidden size of " + std::to_string(m.hidden));
  }
  return m;
}

HeadSpec read_head(const Fields& f) {
  HeadSpec h{};
  h.name = f.text("name", 200);
  h.kind = f.choice<HeadKind>("kind", {{"classification", HeadKind::classification}, {"masked-lm", HeadKind::masked_lm}});
  if (h.kind == HeadKind::masked_lm) return h;  // has no other setting
  h.outputs = f.integer("outputs", 1, 1 << 20);
  h.pooler = f.choice<bool>("pool", {{"pooler", true}, {"cls", false}});
  h.dropout = f.number("dropout", 0, 1, true);
  return h;
}

Masking read_masking(const Fields& f) {
  Masking m;
  m.probability = f.number("probability", 0, 1);
  m.mask_id = static_cast<int32_t>(f.integer("maskId", 0, max_int32));
  m.special = f.numbers<int32_t>("special");
  return m;
}

Masking read_masking_for(const Fields& f, bool wanted) {
  if (wanted) return read_masking(f.object("masking"));
  if (f.has("masking")) refuse(f.path("masking"), "goes with the loss 'masked-lm' only");
  return {};
}

Part read_part(const Fields& f) {
  Part p{};
  p.head = f.integer("head", 0, max_int32);
  p.dataset = f.integer("dataset", 0, max_safe_integer);
  p.loss = f.choice<Loss>("loss", losses);
  if (f.has("labelSmoothing")) p.label_smoothing = f.number("labelSmoothing", 0, 1, true);
  if (p.label_smoothing != 0 && (p.loss == Loss::mse || p.loss == Loss::masked_lm || p.loss == Loss::distillation)) {
    refuse(f.path("labelSmoothing"), "goes with a loss over classes only");
  }
  p.masking = read_masking_for(f, p.loss == Loss::masked_lm);
  p.temperature = 1;
  if (p.loss == Loss::distillation) {
    p.targets = f.numbers<float>("targets");
    if (f.has("temperature")) p.temperature = f.number("temperature", 1e-3, 1e3);
  } else {
    for (const char* key : {"targets", "temperature"})
      if (f.has(key)) refuse(f.path(key), "goes with the loss 'distillation' only");
  }
  return p;
}

int64_t read_slot(const Fields& f, const char* key) { return f.integer(key, 0, max_safe_integer); }

Penalty read_penalty(const Fields& f) {
  Penalty p;
  p.kind = f.choice<PenaltyKind>(
      "kind", {{"none", PenaltyKind::none}, {"l2-sp", PenaltyKind::l2_sp}, {"ewc", PenaltyKind::ewc}, {"recadam", PenaltyKind::recadam}});
  if (p.kind == PenaltyKind::none) return p;
  p.anchor = read_slot(f, "anchor");
  p.strength = f.number("strength", 0, 1e30);
  if (p.kind == PenaltyKind::l2_sp) p.head_strength = f.number("headStrength", 0, 1e30);
  if (p.kind == PenaltyKind::ewc) p.fisher = read_slot(f, "fisher");
  if (p.kind == PenaltyKind::recadam) {
    p.slope = f.number("slope", 0, 1e6);
    p.midpoint = f.number("midpoint", -1e12, 1e12);
  }
  return p;
}

Transform read_transform(const Fields& f) {
  Transform t;
  t.kind = f.choice<TransformKind>("kind", {{"none", TransformKind::none},
                                            {"mixout", TransformKind::mixout},
                                            {"child-f", TransformKind::child_free},
                                            {"child-d", TransformKind::child_fisher}});
  if (t.kind == TransformKind::none) return t;
  const bool mixout = t.kind == TransformKind::mixout;  // of 1: nothing would be learned
  t.probability = f.number("probability", mixout ? 0 : 1e-4, mixout ? 0.9999 : 1);
  if (mixout) t.anchor = read_slot(f, "anchor");
  if (t.kind == TransformKind::child_fisher) t.fisher = read_slot(f, "fisher");
  return t;
}

Operand read_operand(const Fields& f) {
  Operand o;
  o.buffer = f.choice<Buffer>(
      "buffer", {{"weights", Buffer::weights}, {"exp_avg", Buffer::exp_avg}, {"exp_avg_sq", Buffer::exp_avg_sq}, {"slot", Buffer::slot}});
  if (o.buffer == Buffer::slot) o.slot = read_slot(f, "slot");
  return o;
}

Source read_source(const Fields& f) {
  Source s{};
  s.buffer = f.choice<Buffer>("buffer", buffers);
  s.parameter = f.integer("parameter", 0, max_int32);
  s.replica = f.integer("replica", 0, max_int32);
  s.slot = s.buffer == Buffer::slot ? f.integer("slot", 0, max_safe_integer) : -1;
  return s;
}

FileTensor read_file_tensor(const Fields& f) {
  FileTensor t{};
  t.path = f.text("path", 4096);
  t.offset = f.integer("offset", 0, max_safe_integer);
  t.dtype = f.choice<DType>("dtype", {{"F32", DType::f32}, {"F16", DType::f16}, {"BF16", DType::bf16},
                                      {"F64", DType::f64}, {"I64", DType::i64}, {"U8", DType::u8}});
  t.buffer = f.choice<Buffer>("buffer", {{"weights", Buffer::weights}, {"exp_avg", Buffer::exp_avg}, {"exp_avg_sq", Buffer::exp_avg_sq},
                                         {"steps", Buffer::steps}, {"touched", Buffer::touched}, {"slot", Buffer::slot}});
  if (t.buffer == Buffer::slot) t.slot = read_slot(f, "slot");
  const bool counts = t.buffer == Buffer::steps, flags = t.buffer == Buffer::touched;
  if (counts != (t.dtype == DType::i64) || flags != (t.dtype == DType::u8)) {
    refuse(f.path("dtype"), "'steps' are I64, 'touched' is U8 and the other buffers are floating-point numbers");
  }
  t.parameter = f.integer("parameter", 0, max_int32);
  t.replica = f.integer("replica", -1, max_int32);
  return t;
}

}  // namespace

SessionSpec read_session_spec(Napi::Value value) {
  const Fields f(value, "spec");
  SessionSpec s;
  s.model = read_model(f.object("model"));
  s.heads = list(f.get("heads"), f.path("heads"), [](const Fields& head) { return read_head(head); });
  s.replicas = f.integer("replicas", 1, 4096);
  s.device = f.text("device", 100);
  s.precision = f.choice<Precision>("precision", {{"fp32", Precision::fp32}, {"tf32", Precision::tf32}, {"bf16", Precision::bf16}});
  if (s.precision == Precision::tf32 && s.device == "cpu") refuse(f.path("precision"), "'tf32' is a type of GPUs' products; a session on the processor takes 'fp32' or 'bf16'");
  s.threads = static_cast<int>(f.integer("threads", 1, 1024));
  s.seed = static_cast<uint64_t>(f.integer("seed", 0, max_safe_integer));
  s.matmul = f.text("matmul", 10000);
  if (s.device != "cpu" && s.matmul != "auto" && s.matmul != "cublas") refuse(f.path("matmul"), "'auto' or 'cublas' on this device", f.get("matmul"));
  return s;
}

HeadSpec read_head(Napi::Value value) { return read_head(Fields(value, "head")); }

Ragged read_ragged(Napi::Value value) {
  const Fields f(value, "data");
  Ragged r;
  r.ids = f.numbers<int32_t>("inputIds");
  r.types = f.numbers<uint8_t>("typeIds");
  r.offsets = f.numbers<int32_t>("offsets");
  r.labels = f.numbers<float>("labels");
  return r;
}

std::vector<FileTensor> read_file_tensors(Napi::Value value) { return list(value, "tensors", read_file_tensor); }

Source read_source(Napi::Value value) { return read_source(Fields(value, "source")); }

std::vector<Source> read_sources(Napi::Value value) {
  return list(value, "sources", [](const Fields& source) { return read_source(source); });
}

Plan read_plan(Napi::Value value) {
  const Fields f(value, "plan");
  Plan p;
  p.group_of = f.numbers<int32_t>("groupOf");
  p.groups = f.integer("groups", 1, max_int32);
  p.rates = f.numbers<double>("rates");
  p.decay = f.numbers<double>("decay");
  const Fields o = f.object("optimizer");
  p.optimizer = o.choice<Optimizer>("name", {{"adam", Optimizer::adam}, {"adamw", Optimizer::adamw}});
  p.beta1 = o.number("beta1", 0, 1, true);
  p.beta2 = o.number("beta2", 0, 1, true);
  p.eps = o.number("eps", 0, infinite);
  p.fresh_moments = f.choice<bool>("moments", {{"keep", false}, {"fresh", true}});
  if (f.has("penalties")) p.penalties = list(f.get("penalties"), f.path("penalties"), read_penalty);
  if (f.has("transforms")) p.transforms = list(f.get("transforms"), f.path("transforms"), read_transform);
  if (f.has("anchored")) p.anchored = f.numbers<uint8_t>("anchored");
  // Absent means none; an empty list is one of the wrong length.
  const auto not_empty = [&f](const char* key, bool empty, const char* meaning) {
    if (empty && f.has(key)) refuse(f.path(key), std::string("expected ") + meaning + ", received none");
  };
  not_empty("penalties", p.penalties.empty(), "one for each replica");
  not_empty("transforms", p.transforms.empty(), "one for each replica");
  not_empty("anchored", p.anchored.empty(), "one for each parameter");
  return p;
}

SegmentCall read_segment(Napi::Value value) {
  const Fields f(value, "segment");
  SegmentCall call;
  Segment& s = call.segment;
  s.steps = f.integer("steps", 1, max_int32);
  s.parts = list(f.get("parts"), f.path("parts"), read_part);
  s.batch_part = f.numbers<int32_t>("batchPart");
  s.batch_step = f.numbers<int32_t>("batchStep");
  s.rows = f.numbers<int32_t>("rows");
  s.row_offsets = f.numbers<int32_t>("rowOffsets");
  s.weights = f.numbers<double>("weights");
  s.factors = f.numbers<double>("factors");
  s.factors_per_group = f.boolean("factorsPerGroup");
  s.clip_norm = f.number("clipNorm", 0, infinite);
  s.step_offset = f.integer("stepOffset", 0, max_safe_integer);
  if (f.has("stageOffset")) s.stage_offset = f.integer("stageOffset", 0, max_safe_integer);
  s.dropout = f.boolean("dropout");
  if (f.has("frozenDropout")) s.frozen_dropout = f.boolean("frozenDropout");
  call.report_ms = f.number("reportMs", 0, infinite);
  return call;
}

Evaluation read_evaluation(Napi::Value value) {
  const Fields f(value, "evaluation");
  Evaluation e{};
  e.head = f.integer("head", 0, max_int32);
  e.dataset = f.integer("dataset", 0, max_safe_integer);
  e.all_rows = !f.has("rows");
  if (!e.all_rows) e.rows = f.numbers<int32_t>("rows");
  e.want = f.choice<Want>("want", {{"logits", Want::logits}, {"losses", Want::losses}, {"cls", Want::cls}, {"layers", Want::layers}});
  e.loss = Loss::cross_entropy;
  if (e.want == Want::losses || f.has("loss")) e.loss = f.choice<Loss>("loss", row_losses);
  e.masking = read_masking_for(f, e.want == Want::losses && e.loss == Loss::masked_lm);
  e.batch_tokens = f.integer("batchTokens", 1, max_int32);
  return e;
}

FisherSpec read_fisher(Napi::Value value) {
  const Fields f(value, "fisher");
  FisherSpec s{};
  s.head = f.integer("head", 0, max_int32);
  s.dataset = f.integer("dataset", 0, max_safe_integer);
  s.rows = f.numbers<int32_t>("rows");
  s.loss = f.choice<Loss>("loss", label_losses);
  s.masking = read_masking_for(f, s.loss == Loss::masked_lm);
  s.labels_from_model = f.choice<bool>("labels", {{"data", false}, {"model", true}});
  return s;
}

GradientSpec read_gradient(Napi::Value value) {
  const Fields f(value, "gradient");
  GradientSpec s{};
  s.head = f.integer("head", 0, max_int32);
  s.dataset = f.integer("dataset", 0, max_safe_integer);
  s.rows = f.numbers<int32_t>("rows");
  s.loss = f.choice<Loss>("loss", label_losses);
  s.masking = read_masking_for(f, s.loss == Loss::masked_lm);
  s.batch_tokens = f.integer("batchTokens", 1, max_int32);
  return s;
}

FitSpec read_fit(Napi::Value value) {
  const Fields f(value, "fit");
  FitSpec s{};
  s.replicas = f.integer("replicas", 1, 4096);
  s.tokens = f.integer("tokens", 1, max_int32);
  s.rows = f.integer("rows", 1, max_int32);
  s.slots = f.integer("slots", 0, 1 << 16);
  return s;
}

Operand read_operand(Napi::Value value, const std::string& field) { return read_operand(Fields(value, field)); }

namespace {

// Small arrays are copied. Large ones keep the C++ memory, which the garbage collector frees: no second copy, and no allocation inside V8 that
// would end the process when it fails.
constexpr size_t copied_bytes = 1 << 20;

template <class T>
napi_value array_buffer(Napi::Env env, std::vector<T>&& numbers) {
  const size_t bytes = numbers.size() * sizeof(T);
  napi_value buffer = nullptr;
  if (bytes > copied_bytes) {
    auto* kept = new std::vector<T>(std::move(numbers));
    const auto free = [](napi_env, void*, void* owner) { delete static_cast<std::vector<T>*>(owner); };
    if (napi_create_external_arraybuffer(env, kept->data(), bytes, free, kept, &buffer) == napi_ok) return buffer;
    numbers = std::move(*kept);  // this runtime does not allow external memory
    delete kept;
  }
  Napi::ArrayBuffer copy = Napi::ArrayBuffer::New(env, bytes);
  if (bytes > 0) std::memcpy(copy.Data(), numbers.data(), bytes);
  return copy;
}

Napi::Value floats(Napi::Env env, std::vector<float>&& numbers) {
  const size_t length = numbers.size();
  return Napi::Float32Array::New(env, length, Napi::ArrayBuffer(env, array_buffer(env, std::move(numbers))), 0);
}

}  // namespace

Napi::Value to_js(Napi::Env env, std::vector<float>&& numbers) { return floats(env, std::move(numbers)); }

Napi::Value to_js(Napi::Env env, std::vector<double>&& numbers) {
  const size_t length = numbers.size();
  return Napi::Float64Array::New(env, length, Napi::ArrayBuffer(env, array_buffer(env, std::move(numbers))), 0);
}

Napi::Value to_js(Napi::Env env, const std::vector<ParameterInfo>& parameters) {
  Napi::Array list = Napi::Array::New(env, parameters.size());
  for (uint32_t i = 0; i < parameters.size(); ++i) {
    const Napi::HandleScope scope(env);
    const ParameterInfo& info = parameters[i];
    Napi::Array shape = Napi::Array::New(env, info.shape.size());
    for (uint32_t d = 0; d < info.shape.size(); ++d) shape.Set(d, static_cast<double>(info.shape[d]));
    Napi::Object parameter = Napi::Object::New(env);
    parameter.Set("name", info.name);
    parameter.Set("shape", shape);
    list.Set(i, parameter);
  }
  return list;
}

Napi::Value to_js(Napi::Env env, const Memory& memory) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("weights", static_cast<double>(memory.weights));
  object.Set("moments", static_cast<double>(memory.moments));
  object.Set("gradients", static_cast<double>(memory.gradients));
  object.Set("slots", static_cast<double>(memory.slots));
  object.Set("datasets", static_cast<double>(memory.datasets));
  object.Set("activations", static_cast<double>(memory.activations));
  object.Set("prefix", static_cast<double>(memory.prefix));
  return object;
}

Napi::Value to_js(Napi::Env env, StepEvent&& event) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("step", static_cast<double>(event.step));
  object.Set("losses", floats(env, std::move(event.losses)));
  object.Set("gradNorms", floats(env, std::move(event.grad_norms)));
  object.Set("tokens", static_cast<double>(event.tokens));
  return object;
}

Napi::Value to_js(Napi::Env env, SegmentResult&& result) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("steps", static_cast<double>(result.steps));
  object.Set("stopped", result.stopped);
  object.Set("losses", floats(env, std::move(result.losses)));
  object.Set("gradNorms", floats(env, std::move(result.grad_norms)));
  const size_t replicas = result.non_finite.size();
  object.Set("nonFinite", Napi::Int32Array::New(env, replicas, Napi::ArrayBuffer(env, array_buffer(env, std::move(result.non_finite))), 0));
  object.Set("tokens", static_cast<double>(result.tokens));
  object.Set("synchronizations", static_cast<double>(result.synchronizations));
  return object;
}

}  // namespace lrdist
