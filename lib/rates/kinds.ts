import { requireLayers } from './depth.ts';
import type { GroupSpec } from './groups.ts';

type Kind = readonly [name: string, ...patterns: readonly string[]];

// In order: what an earlier kind takes is gone, so a LayerNorm's bias belongs to LayerNorm, and the last kind takes the rest of the layer.
const kinds: readonly Kind[] = [
  ['LayerNorm', '*LayerNorm.*'],
  ['bias', '*.bias'],
  ['attention', 'attention.*'],
  ['feed_forward', '*'],
];

const qkv: readonly Kind[] = [
  ['LayerNorm', '*LayerNorm.*'],
  ['query', 'attention.self.query.*'],
  ['key', 'attention.self.key.*'],
  ['value', 'attention.self.value.*'],
  ['output', 'attention.output.dense.*'],
  ['feed_forward', '*'],
];

/** For each layer LayerNorm, biases, attention and feed-forward weights; embeddings and heads whole. 4 L + 2 groups. */
export function layerKindGroups(layers: number): readonly GroupSpec[] {
  return perLayer(layers, kinds);
}

/** For each layer the query, key, value and output projections (with their biases), feed-forward and LayerNorm. 6 L + 2 groups. */
export function layerQkvGroups(layers: number): readonly GroupSpec[] {
  return perLayer(layers, qkv);
}

function perLayer(layers: number, table: readonly Kind[]): readonly GroupSpec[] {
  requireLayers(layers);
  const inner = Array.from({ length: layers }, (_, layer) =>
    table.map(([name, ...patterns]) => ({
      name: `layer_${layer}_${name}`,
      match: patterns.map((pattern) => `bert.encoder.layer.${layer}.${pattern}`),
    })),
  ).flat();
  return [{ name: 'embeddings', match: ['bert.embeddings.*'] }, ...inner, { name: 'heads', match: ['*'] }];
}
