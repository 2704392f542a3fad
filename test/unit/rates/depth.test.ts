import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { hasWeightDecay } from '../../../lib/rates/decay.ts';
import { depthCount, depthGroups, innerLayers, layerGroups, layersOf } from '../../../lib/rates/depth.ts';
import { assign } from '../../../lib/rates/groups.ts';
import { bertParameterNames } from '../../../lib/rates/names.ts';

test('ten groups of twelve layers are the paper’s table', () => {
  assert.deepEqual(
    depthGroups(12, 10).map((group) => group.name),
    [
      'embeddings',
      'layers_0-1',
      'layer_2',
      'layers_3-4',
      'layer_5',
      'layers_6-7',
      'layer_8',
      'layers_9-10',
      'layer_11',
      'heads',
    ],
  );
});

test('fourteen groups of twelve layers are one for each layer', () => {
  assert.deepEqual(layerGroups(12), depthGroups(12, 14));
  assert.deepEqual(
    innerLayers(12, 12),
    Array.from({ length: 12 }, (_, layer) => ({ first: layer, last: layer })),
  );
});

test('every parameter is in exactly the group of its depth, for every number of layers and groups', () => {
  for (let layers = 1; layers <= 24; layers++) {
    const names = bertParameterNames({ layers, heads: ['a', 'layer.0.embeddings'], maskedLm: true });
    assert.equal(layersOf(names), layers);
    for (let n = 1; n <= layers + 2; n++) {
      const groups = depthGroups(layers, n);
      assert.equal(groups.length, n);
      // assign throws on an empty group and on an unclaimed parameter.
      const groupOf = assign(names, groups);
      const inner = innerLayers(layers, Math.max(1, n - 2));
      for (const [p, name] of names.entries()) {
        const layer = /^bert\.encoder\.layer\.(\d+)\./.exec(name)?.[1];
        const head = !name.startsWith('bert.') || name.startsWith('bert.pooler');
        const depth =
          layer === undefined
            ? head
              ? n - 1
              : 0
            : 1 + inner.findIndex(({ first, last }) => Number(layer) >= first && Number(layer) <= last);
        const expected = n === 1 ? 0 : n === 2 ? Number(head) : depth;
        assert.equal(groupOf[p], expected, `${name} of ${layers} layers in ${n} groups`);
      }
      assert.equal(depthCount(groups, layers), n);
    }
  }
});

test('inner groups split the layers without gaps', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 200 }), fc.nat(), (layers, seed) => {
      const inner = innerLayers(layers, 1 + (seed % layers));
      assert.equal(inner[0]!.first, 0);
      assert.equal(inner.at(-1)!.last, layers - 1);
      for (const [i, { first, last }] of inner.entries()) {
        assert.ok(last >= first);
        if (i > 0) assert.equal(first, inner[i - 1]!.last + 1);
      }
    }),
  );
});

test('impossible numbers of groups are refused', () => {
  for (const n of [0, 15, -1, 2.5, Number.NaN])
    assert.throws(() => depthGroups(12, n), { code: 'ERR_INVALID_OPTION', message: /from 1 to 14/ });
  for (const layers of [0, -1, 1.5, Number.NaN])
    assert.throws(() => depthGroups(layers, 1), { code: 'ERR_INVALID_OPTION', message: /layers/ });
});

test('groups that are not by depth are told apart', () => {
  assert.equal(
    depthCount(
      [
        { name: 'a', match: ['*.bias'] },
        { name: 'b', match: ['*'] },
      ],
      12,
    ),
    undefined,
  );
  assert.equal(depthCount(depthGroups(12, 10), 6), undefined);
});

test('weight decay leaves out biases and LayerNorm, old names too', () => {
  const without = [
    'bert.embeddings.LayerNorm.weight',
    'bert.encoder.layer.0.output.dense.bias',
    'cls.predictions.bias',
    'bert.embeddings.LayerNorm.gamma',
    'distilbert.transformer.layer.0.sa_layer_norm.weight',
  ];
  const withDecay = [
    'bert.embeddings.word_embeddings.weight',
    'classifier.mrpc.weight',
    'classifier.bias-detection.weight',
    'bert.pooler.dense.weight',
  ];
  for (const name of without) assert.equal(hasWeightDecay(name), false, name);
  for (const name of withDecay) assert.equal(hasWeightDecay(name), true, name);
});
