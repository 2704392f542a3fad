import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { depthGroups } from '../../../lib/rates/depth.ts';
import { groupings, parseGrouping, readGroups } from '../../../lib/rates/groupings.ts';
import { assign } from '../../../lib/rates/groups.ts';
import { bertParameterNames } from '../../../lib/rates/names.ts';
import { buildPlan } from '../../../lib/rates/plan.ts';

test('every grouping, with the pooler apart or not, covers every parameter once at many depths', () => {
  for (const layers of [1, 2, 3, 4, 6, 12, 24]) {
    const names = bertParameterNames({ layers, heads: ['a', 'b'], maskedLm: true });
    const depths = Array.from({ length: layers + 2 }, (_, i) => `depth:${i + 1}`);
    for (const text of [...groupings.map(({ name }) => name), ...depths]) {
      const groups = parseGrouping(text).groups(layers);
      // assign throws on an empty group and on an unclaimed parameter.
      const groupOf = assign(names, groups);
      const apart = parseGrouping(`${text}+pooler`).groups(layers);
      assert.equal(apart.length, groups.length + 1);
      const apartOf = assign(names, apart);
      const pooler = apart.findIndex(({ name }) => name === 'pooler');
      for (const [p, name] of names.entries()) {
        if (name.startsWith('bert.pooler.')) assert.equal(apartOf[p], pooler);
        else assert.equal(apart[apartOf[p]!]!.name, groups[groupOf[p]!]!.name, `${text}: ${name}`);
      }
    }
  }
});

// Each of a layer's 16 tensors, and the group it belongs to.
const layerTensors: readonly [name: string, kind: string, qkv: string][] = [
  ['attention.self.query.weight', 'attention', 'query'],
  ['attention.self.query.bias', 'bias', 'query'],
  ['attention.self.key.weight', 'attention', 'key'],
  ['attention.self.key.bias', 'bias', 'key'],
  ['attention.self.value.weight', 'attention', 'value'],
  ['attention.self.value.bias', 'bias', 'value'],
  ['attention.output.dense.weight', 'attention', 'output'],
  ['attention.output.dense.bias', 'bias', 'output'],
  ['attention.output.LayerNorm.weight', 'LayerNorm', 'LayerNorm'],
  ['attention.output.LayerNorm.bias', 'LayerNorm', 'LayerNorm'],
  ['intermediate.dense.weight', 'feed_forward', 'feed_forward'],
  ['intermediate.dense.bias', 'bias', 'feed_forward'],
  ['output.dense.weight', 'feed_forward', 'feed_forward'],
  ['output.dense.bias', 'bias', 'feed_forward'],
  ['output.LayerNorm.weight', 'LayerNorm', 'LayerNorm'],
  ['output.LayerNorm.bias', 'LayerNorm', 'LayerNorm'],
];
for (const [grouping, column] of [
  ['layer-kind', 1],
  ['layer-qkv', 2],
] as const) {
  test(`${grouping} puts each tensor of a layer where it belongs`, () => {
    const names = bertParameterNames({ layers: 12, heads: ['a'] });
    const groups = parseGrouping(grouping).groups(12);
    const groupOf = assign(names, groups);
    const of = (name: string): string => groups[groupOf[names.indexOf(name)]!]!.name;
    for (const row of layerTensors) {
      for (const layer of [0, 1, 11])
        assert.equal(of(`bert.encoder.layer.${layer}.${row[0]}`), `layer_${layer}_${row[column]}`, row[0]);
    }
    assert.equal(of('bert.embeddings.LayerNorm.bias'), 'embeddings');
    assert.equal(of('classifier.a.bias'), 'heads');
  });
}

test('weight decay splits each group that holds both kinds, and no other', () => {
  const names = bertParameterNames({ layers: 2, heads: ['a'] });
  const groups = parseGrouping('layer-kind+pooler').groups(2);
  const distribution = {
    name: 'x',
    layers: 2,
    groups,
    stages: [Object.fromEntries(groups.map(({ name }, g) => [name, (g + 1) * 1e-5]))],
    provenance: {},
  };
  const plan = buildPlan(
    names.map((name) => ({ name })),
    [distribution],
    { weightDecay: 0.1 },
  );
  const split = plan.names.filter((name) => name.endsWith(' (no decay)')).sort();
  const whole = (layer: number): string[] => [`layer_${layer}_LayerNorm (no decay)`, `layer_${layer}_bias (no decay)`];
  assert.deepEqual(
    split,
    ['embeddings (no decay)', 'heads (no decay)', 'pooler (no decay)', ...whole(0), ...whole(1)].sort(),
  );
  assert.equal(plan.groups, groups.length + 3);
});

test('unknown groupings and impossible numbers are refused', () => {
  for (const text of ['', 'layers', 'depth', 'depth:', 'depth:x', 'depth:-1', 'layer+heads', '+pooler'])
    assert.throws(() => parseGrouping(text), { code: 'ERR_INVALID_OPTION', message: /expected depth:N, all/ }, text);
  assert.throws(() => parseGrouping('depth:15').groups(12), { code: 'ERR_INVALID_OPTION', message: /1 to 14/ });
  assert.throws(() => parseGrouping('layer-kind').groups(0), { code: 'ERR_INVALID_OPTION' });
});

test('own patterns come from a JSON file, checked', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'lrdist-'));
  t.after(() => rm(folder, { recursive: true }));
  const file = join(folder, 'own.json');
  const groups = [
    { name: 'norms', match: '*LayerNorm*' },
    { name: 'rest', match: ['/./'] },
  ];
  await writeFile(file, JSON.stringify({ groups }));
  assert.deepEqual(await readGroups(file, 5), [
    { name: 'norms', match: ['*LayerNorm*'] },
    { name: 'rest', match: ['/./'] },
  ]);
  assert.deepEqual(await readGroups('depth:3', 5), depthGroups(5, 3));
  const broken: [content: string, message: RegExp][] = [
    ['{', /not JSON/],
    ['{}', /groups/],
    [JSON.stringify({ groups: [...groups, groups[0]] }), /two groups are named "norms"/],
    [JSON.stringify({ groups: [{ name: 'a', match: '/(/' }] }), /regular expression/],
    [JSON.stringify({ groups, layers: 6 }), /for 6 layers, not for 5/],
  ];
  for (const [content, message] of broken) {
    await writeFile(file, content);
    await assert.rejects(readGroups(file, 5), { code: 'ERR_RATES_FILE', message });
  }
  await assert.rejects(readGroups(join(folder, 'none.json'), 5), { code: 'ERR_READ' });
});
