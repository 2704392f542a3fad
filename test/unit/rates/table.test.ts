import assert from 'node:assert/strict';
import { test } from 'node:test';
import { flat } from '../../../lib/rates/distribution.ts';
import { describeGroups, renderTable } from '../../../lib/rates/table.ts';
import { byDepth } from './helpers.ts';

test('groups with their tensors and, where shapes are known, elements', () => {
  const rows = describeGroups(byDepth(2, [1e-5, 1e-4]));
  assert.deepEqual(rows, [
    { group: 'body', tensors: 5 + 2 * 16, elements: undefined, rates: [1e-5] },
    { group: 'heads', tensors: 4, elements: undefined, rates: [1e-4] },
  ]);
  const parameters = [
    { name: 'bert.embeddings.word_embeddings.weight', shape: [30522, 128] },
    { name: 'classifier.a.weight', shape: [2, 128] },
    { name: 'classifier.a.bias', shape: [2] },
  ];
  assert.deepEqual(
    describeGroups(byDepth(2, [1e-5, 1e-4]), parameters).map((row) => row.elements),
    [30522 * 128, 258],
  );
});

test('bars are logarithmic and a frozen group says so', () => {
  const text = renderTable(byDepth(1, [1e-5, 1e-4, 1e-3]), undefined, 12);
  assert.equal(
    text,
    [
      'test (1 layer)',
      '',
      'group       tensors  learning rate  1e-6 to 1e-3, log',
      'embeddings        5           1e-5  ████',
      'layer_0          16           1e-4  ████████',
      'heads             4          0.001  ████████████',
      '',
    ].join('\n'),
  );
  const frozen = renderTable(byDepth(1, [0, 1e-4]));
  assert.match(frozen, /body +\d+ +frozen\n/);
});

test('element counts appear with shapes, stages as columns', () => {
  const two = { ...flat(1e-5, 1), stages: [{ all: 1e-5 }, { all: 2.5e-5 }] };
  const text = renderTable(two, [{ name: 'a', shape: [1000, 2] }]);
  assert.match(text, /group +tensors +parameters +stage 1 .* +stage 2 /);
  assert.match(text, /all +1 +2,000 +1e-5 .* 2\.5e-5 /);
});
