/** Names and shapes of a model's parameters, known without the engine. */
import type { ModelConfig } from './config.ts';

export interface ModelParameter {
  /** Hugging Face's name; a head's is `classifier.<head>.weight`. */
  readonly name: string;
  readonly shape: readonly number[];
}

export interface LayoutHead {
  readonly name: string;
  readonly kind: 'classification' | 'masked-lm';
  readonly outputs: number;
}

type Pair = readonly [name: string, shape: readonly number[]];

function linear(name: string, out: number, inputs: number): Pair[] {
  return [
    [`${name}.weight`, [out, inputs]],
    [`${name}.bias`, [out]],
  ];
}

function norm(name: string, hidden: number): Pair[] {
  return [
    [`${name}.weight`, [hidden]],
    [`${name}.bias`, [hidden]],
  ];
}

export function bodyParameters(config: ModelConfig): ModelParameter[] {
  const h = config.hidden_size;
  const pairs: Pair[] = [
    ['bert.embeddings.word_embeddings.weight', [config.vocab_size, h]],
    ['bert.embeddings.position_embeddings.weight', [config.max_position_embeddings, h]],
    ['bert.embeddings.token_type_embeddings.weight', [config.type_vocab_size, h]],
    ...norm('bert.embeddings.LayerNorm', h),
  ];
  for (let i = 0; i < config.num_hidden_layers; i++) {
    const layer = `bert.encoder.layer.${i}`;
    pairs.push(
      ...linear(`${layer}.attention.self.query`, h, h),
      ...linear(`${layer}.attention.self.key`, h, h),
      ...linear(`${layer}.attention.self.value`, h, h),
      ...linear(`${layer}.attention.output.dense`, h, h),
      ...norm(`${layer}.attention.output.LayerNorm`, h),
      ...linear(`${layer}.intermediate.dense`, config.intermediate_size, h),
      ...linear(`${layer}.output.dense`, h, config.intermediate_size),
      ...norm(`${layer}.output.LayerNorm`, h),
    );
  }
  return pairs.map(([name, shape]) => ({ name, shape }));
}

export function poolerParameters(config: ModelConfig): ModelParameter[] {
  return linear('bert.pooler.dense', config.hidden_size, config.hidden_size).map(([name, shape]) => ({ name, shape }));
}

export function headParameters(config: ModelConfig, head: LayoutHead): ModelParameter[] {
  const h = config.hidden_size;
  const pairs: Pair[] =
    head.kind === 'classification'
      ? linear(`classifier.${head.name}`, head.outputs, h)
      : [
          ...linear('cls.predictions.transform.dense', h, h),
          ...norm('cls.predictions.transform.LayerNorm', h),
          ['cls.predictions.bias', [config.vocab_size]],
        ];
  return pairs.map(([name, shape]) => ({ name, shape }));
}
