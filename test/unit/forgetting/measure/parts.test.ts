import assert from 'node:assert/strict';
import { test } from 'node:test';
import { conflictOf } from '../../../../lib/forgetting/measure/conflict.ts';
import { driftOf } from '../../../../lib/forgetting/measure/drift.ts';
import { groupParts, kindParts, layerParts } from '../../../../lib/forgetting/measure/parts.ts';
import { depthGroups } from '../../../../lib/rates/depth.ts';
import { bertParameterNames } from '../../../../lib/rates/names.ts';

const parameters = bertParameterNames({ layers: 2, heads: ['a', 'b'], maskedLm: true }).map((name) => ({
  name,
  shape: [2],
}));
const names = parameters.map(({ name }) => name);

test('parameters have their layer, or their head', () => {
  const parts = layerParts(parameters);
  assert.deepEqual(
    [...new Set(parts)],
    ['embeddings', 'layer_0', 'layer_1', 'pooler', 'classifier.a', 'classifier.b', 'cls.predictions'],
  );
  assert.equal(parts[names.indexOf('bert.encoder.layer.1.output.dense.bias')], 'layer_1');
});

test('and their kind within a layer', () => {
  const kinds = kindParts(parameters);
  const kindOf = (name: string): string => kinds[names.indexOf(name)]!;
  assert.equal(kindOf('bert.encoder.layer.1.attention.self.key.weight'), 'layer_1_attention');
  assert.equal(kindOf('bert.encoder.layer.1.attention.self.key.bias'), 'layer_1_bias');
  assert.equal(kindOf('bert.encoder.layer.0.output.LayerNorm.bias'), 'layer_0_LayerNorm');
  assert.equal(kindOf('bert.encoder.layer.0.intermediate.dense.weight'), 'layer_0_feed_forward');
  assert.equal(kindOf('classifier.b.bias'), 'classifier.b');
  assert.equal(kindOf('bert.embeddings.LayerNorm.bias'), 'embeddings');
});

test('and their group of a distribution, one for another depth too', () => {
  const distribution = {
    name: 'x',
    layers: 4,
    groups: depthGroups(4, 4),
    stages: [{ embeddings: 1e-5, 'layers_0-1': 1e-5, 'layers_2-3': 2e-5, heads: 1e-4 }],
    provenance: {},
  };
  const groups = groupParts(parameters, distribution);
  assert.equal(new Set(groups).size, 4);
  assert.equal(groups[names.indexOf('classifier.a.bias')], 'heads');
});

/** Sums of two replicas in which parameter p of replica k has these. */
function compared(sums: (k: number, name: string) => readonly [number, number, number, number]): Float64Array {
  return Float64Array.from([0, 1].flatMap((k) => names.flatMap((name) => [...sums(k, name)])));
}

test('drift is the norm of all changes over the norm of all weights', () => {
  const moved = compared((k, name) => {
    if (k === 1 && name === 'bert.encoder.layer.1.output.dense.weight') return [0, 0, 16, 9];
    if (k === 1 && name === 'bert.encoder.layer.1.intermediate.dense.weight') return [0, 0, 9, 16];
    if (name === 'classifier.b.bias') return [1, 0, 0, 1];
    return [0, 0, 25, 0];
  });
  const still = driftOf(moved, 0, parameters);
  assert.equal(still.body, 0);
  assert.equal(still.layers['layer_1'], 0);
  const { kinds, layers, parameters: each, body } = driftOf(moved, 1, parameters);
  assert.equal(each['bert.encoder.layer.1.output.dense.weight'], 0.75);
  assert.equal(kinds['layer_1_feed_forward'], 1);
  assert.equal(layers['layer_0'], 0);
  // 14 of the 16 tensors of the layer stay, with a sum of squares of 25 each.
  assert.equal(layers['layer_1'], Math.sqrt(25 / (14 * 25 + 25)));
  assert.equal(body, Math.sqrt(25 / (35 * 25 + 25)));
  assert.equal(each['classifier.b.bias'], null, 'nothing to be relative to');
  assert.equal(driftOf(moved.fill(NaN), 1, parameters).body, null);
});

test('conflict is the cosine over the body; another task’s head has none', () => {
  const gradients = compared((k, name) => {
    if (name.startsWith('classifier.a')) return [4, 0, 0, 4];
    if (name.startsWith('bert.encoder.layer.0.')) return [4, -3, 9, 19];
    return [1, k, 1, 2 - 2 * k];
  });
  const first = conflictOf(gradients, 0, parameters);
  assert.equal(first.layers['layer_0'], -0.5);
  assert.equal(first.layers['layer_1'], 0);
  assert.equal(first.layers['classifier.a'], null);
  const second = conflictOf(gradients, 1, parameters);
  assert.equal(second.layers['layer_1'], 1);
  // 16 tensors of layer 0, and 21 others of the body: 5 of the embeddings and 16 of layer 1.
  const [aa, ab, bb] = [16 * 4 + 21, 16 * -3 + 21, 16 * 9 + 21];
  assert.equal(second.body, ab / Math.sqrt(aa * bb));
  assert.deepEqual(second.norms, [Math.sqrt(aa), Math.sqrt(bb)]);
});
