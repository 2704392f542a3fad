#include "layout.h"

namespace lrdist {

using Init = TensorPlace::Init;

uint32_t name_hash(const std::string& name) {
  uint32_t hash = 2166136261u;
  for (const char c : name) hash = (hash ^ static_cast<uint8_t>(c)) * 16777619u;
  return hash;
}

int32_t Layout::add(const std::string& name, std::vector<int64_t> shape, Init init) {
  int64_t n = 1;
  for (const int64_t s : shape) n *= s;
  tensors.push_back({name, std::move(shape), size, n, init});
  size += (n + 15) / 16 * 16;
  return static_cast<int32_t>(tensors.size()) - 1;
}

Layout::Layout(const ModelSpec& m) : model(m) {
  const int64_t h = m.hidden;
  const std::string e = "bert.embeddings.";
  word = add(e + "word_embeddings.weight", {m.vocab, h}, Init::normal);
  position = add(e + "position_embeddings.weight", {m.max_positions, h}, Init::normal);
  type = add(e + "token_type_embeddings.weight", {m.type_vocab, h}, Init::normal);
  embedding_norm = add(e + "LayerNorm.weight", {h}, Init::one);
  embedding_norm_bias = add(e + "LayerNorm.bias", {h}, Init::zero);
  for (int64_t l = 0; l < m.layers; ++l) {
    const std::string p = "bert.encoder.layer." + std::to_string(l) + ".";
    LayerTensors t;
    t.query = add(p + "attention.self.query.weight", {h, h}, Init::normal);
    t.key = add(p + "attention.self.key.weight", {h, h}, Init::normal);
    t.value = add(p + "attention.self.value.weight", {h, h}, Init::normal);
    t.query_bias = add(p + "attention.self.query.bias", {h}, Init::zero);
    t.key_bias = add(p + "attention.self.key.bias", {h}, Init::zero);
    t.value_bias = add(p + "attention.self.value.bias", {h}, Init::zero);
    t.output = add(p + "attention.output.dense.weight", {h, h}, Init::normal);
    t.output_bias = add(p + "attention.output.dense.bias", {h}, Init::zero);
    t.norm1 = add(p + "attention.output.LayerNorm.weight", {h}, Init::one);
    t.norm1_bias = add(p + "attention.output.LayerNorm.bias", {h}, Init::zero);
    t.up = add(p + "intermediate.dense.weight", {m.intermediate, h}, Init::normal);
    t.up_bias = add(p + "intermediate.dense.bias", {m.intermediate}, Init::zero);
    t.down = add(p + "output.dense.weight", {h, m.intermediate}, Init::normal);
    t.down_bias = add(p + "output.dense.bias", {h}, Init::zero);
    t.norm2 = add(p + "output.LayerNorm.weight", {h}, Init::one);
    t.norm2_bias = add(p + "output.LayerNorm.bias", {h}, Init::zero);
    layers.push_back(t);
  }
  fused_ = h % 16 == 0;
  if (m.pooler) {
    pooler = add("bert.pooler.dense.weight", {h, h}, Init::normal);
    pooler_bias = add("bert.pooler.dense.bias", {h}, Init::zero);
  }
}

void Layout::add_head(const HeadSpec& head) {
  const int64_t h = model.hidden;
  HeadTensors t;
  if (head.kind == HeadKind::classification) {
    if (head.pooler && pooler < 0) throw Error("ERR_INVALID_OPTION", "head \"" + head.name + "\" pools through a pooler that the model does not have");
    t.weight = add("classifier." + head.name + ".weight", {head.outputs, h}, Init::normal);
    t.bias = add("classifier." + head.name + ".bias", {head.outputs}, Init::zero);
  } else {
    for (const HeadSpec& other : head_specs)
      if (other.kind == HeadKind::masked_lm) throw Error("ERR_INVALID_OPTION", "a model has one masked-lm head at most");
    const std::string p = "cls.predictions.";
    t.transform = add(p + "transform.dense.weight", {h, h}, Init::normal);
    t.transform_bias = add(p + "transform.dense.bias", {h}, Init::zero);
    t.norm = add(p + "transform.LayerNorm.weight", {h}, Init::one);
    t.norm_bias = add(p + "transform.LayerNorm.bias", {h}, Init::zero);
    t.bias = add(p + "bias", {model.vocab}, Init::zero);
  }
  head_specs.push_back(head);
  heads.push_back(t);
}

Layout make_layout(const SessionSpec& spec) {
  Layout layout(spec.model);
  for (const HeadSpec& head : spec.heads) layout.add_head(head);
  return layout;
}

}  // namespace lrdist
