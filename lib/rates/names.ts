export interface NameOptions {
  readonly layers: number;
  /** Default true. */
  readonly pooler?: boolean;
  /** Names of classification heads. */
  readonly heads?: readonly string[];
  /** Whether there is a masked-LM head. Default false. */
  readonly maskedLm?: boolean;
}

const pair = (name: string): string[] => [`${name}.weight`, `${name}.bias`];

/** Parameter names of a BERT in the engine's order and form, for showing a distribution without a model at hand. */
export function bertParameterNames({ layers, pooler = true, heads = [], maskedLm = false }: NameOptions): string[] {
  const embeddings = ['word', 'position', 'token_type'].map((kind) => `bert.embeddings.${kind}_embeddings.weight`);
  const linear = [
    'attention.self.query',
    'attention.self.key',
    'attention.self.value',
    'attention.output.dense',
    'attention.output.LayerNorm',
  ];
  const inLayer = [...linear, 'intermediate.dense', 'output.dense', 'output.LayerNorm'];
  return [
    ...embeddings,
    ...pair('bert.embeddings.LayerNorm'),
    ...Array.from({ length: layers }, (_, layer) =>
      inLayer.flatMap((name) => pair(`bert.encoder.layer.${layer}.${name}`)),
    ).flat(),
    ...(pooler ? pair('bert.pooler.dense') : []),
    ...heads.flatMap((head) => pair(`classifier.${head}`)),
    ...(maskedLm
      ? [
          'cls.predictions.bias',
          ...pair('cls.predictions.transform.dense'),
          ...pair('cls.predictions.transform.LayerNorm'),
        ]
      : []),
  ];
}
