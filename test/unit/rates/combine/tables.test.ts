import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { combineTrials } from '../../../../lib/rates/combine.ts';
import { parseChance } from '../../../../lib/rates/combine/chance.ts';
import { combineTables, type CombineOptions } from '../../../../lib/rates/combine/tables.ts';
import { layerGroups } from '../../../../lib/rates/depth.ts';
import { ratesAt } from '../../../../lib/rates/distribution.ts';
import { fromDocument, toDocument } from '../../../../lib/rates/file.ts';
import { parseGrouping } from '../../../../lib/rates/groupings.ts';
import { convert } from '../../../../lib/rates/regroup.ts';
import { parseTrialTable, type TrialTable } from '../../../../lib/rates/trial-table.ts';
import { byDepth, rateArbitrary } from '../helpers.ts';

/** A table from lines without blanks around them. */
const csv = (text: string, source = 'a.csv'): TrialTable =>
  parseTrialTable(text.trim().replaceAll(/\n\s+/g, '\n'), { source, format: 'csv' });

async function refused(
  tables: readonly TrialTable[],
  options: CombineOptions,
  code: string,
  message: RegExp,
  remedy = /./,
): Promise<void> {
  await assert.rejects(combineTables(tables, options), (error: Error & { code?: string; remedy?: string }) => {
    assert.equal(error.code, code, String(error.stack));
    assert.match(error.message, message);
    assert.match(error.remedy ?? '', remedy);
    return true;
  });
}

const named = csv(`pair,lr_heads,lr_embeddings,lr_layer_0,lr_layer_1,p_s,p_o,state
  a->b,4e-4,1e-5,2e-5,3e-5,.8,.7,complete
  a->b,4e-5,1e-6,2e-6,3e-6,.7,.7,complete
  a->b,1,1,1,1,,,failed`);

test('named groups are found by their names, in the order of the grouping', async () => {
  const { distribution, combination, collected } = await combineTables([named]);
  assert.deepEqual(distribution.groups, layerGroups(2));
  assert.equal(distribution.layers, 2);
  const rule = combineTrials([
    { pair: 'a->b', rates: [1e-5, 2e-5, 3e-5, 4e-4], score: 1.5 },
    { pair: 'a->b', rates: [1e-6, 2e-6, 3e-6, 4e-5], score: 1.4 },
  ]);
  assert.deepEqual(combination.rates, rule.rates);
  assert.deepEqual(Array.from(ratesAt(distribution)), rule.rates);
  assert.deepEqual(collected.counts[0]!.left_out, { failed: 1 });
  // The base is the level of the layers.
  assert.ok(Math.abs(distribution.base! / Math.sqrt(rule.rates[1]! * rule.rates[2]!) - 1) < 1e-12);
});

test('what a rate is of: column, option, names, or groups by depth, and what was assumed is told', async () => {
  const ordered = (context: string): TrialTable =>
    csv(`pair,lr_0,lr_1,lr_2,lr_3,score,grouping,layers\na->b,1e-5,2e-5,3e-5,4e-5,1,${context}`);
  const layersOf = async (table: TrialTable, options: CombineOptions = {}) => {
    const { distribution, notes } = await combineTables([table], options);
    const assumed = notes.filter((note) => /taken for/.test(note));
    return [distribution.groups.map(({ name }) => name).join(), distribution.layers, assumed.length];
  };
  const depth12 = 'embeddings,layers_0-5,layers_6-11,heads';
  assert.deepEqual(await layersOf(ordered(',')), [depth12, 12, 2]);
  assert.deepEqual(await layersOf(ordered('my own,')), [depth12, 12, 2]);
  assert.deepEqual(await layersOf(ordered('depth:4,12')), [depth12, 12, 0]);
  assert.deepEqual(await layersOf(ordered('layer,2')), ['embeddings,layer_0,layer_1,heads', 2, 0]);
  assert.deepEqual(await layersOf(ordered(','), { grouping: 'layer', layers: 2 }), [
    'embeddings,layer_0,layer_1,heads',
    2,
    0,
  ]);
  assert.deepEqual(await layersOf(ordered(','), { grouping: 'depth:3+pooler', layers: 6 }), [
    'embeddings,layers_0-5,pooler,heads',
    6,
    0,
  ]);
});

test('the names of every built-in grouping are known', async () => {
  for (const name of ['all', 'depth:2', 'depth:5', 'layer', 'layer-kind', 'layer-qkv']) {
    for (const form of [name, `${name}+pooler`]) {
      const groups = parseGrouping(form).groups(4);
      const table = csv(`pair,${groups.map((group) => `lr_${group.name}`)},score\na->b,${groups.map(() => '1e-5')},1`);
      const { distribution } = await combineTables([table], { layers: 4 });
      assert.deepEqual(distribution.groups, groups, form);
    }
  }
});

test('groups that do not fit are refused', async () => {
  const ordered = csv('pair,lr_0,lr_1,lr_2,score,grouping\na->b,1e-5,1e-5,1e-5,1,depth:3');
  await refused([ordered], { grouping: 'layer' }, 'ERR_INVALID_OPTION', /a\.csv says "depth:3", not "layer"/);
  const free = csv('pair,lr_0,lr_1,lr_2,score\na->b,1e-5,1e-5,1e-5,1');
  await refused(
    [free],
    { grouping: 'depth:4' },
    'ERR_TRIAL_TABLE',
    /a\.csv: the grouping depth:4 of 12 layers has the 4 groups/,
  );
  await refused([free], { layers: 0.5 }, 'ERR_INVALID_OPTION', /layers/, /^/);
  const many = csv(`pair,${Array.from({ length: 5 }, (_, i) => `lr_${i}`)},score\na->b,${Array(5).fill(1e-5)},1`);
  await refused([many], { layers: 2 }, 'ERR_TRIAL_TABLE', /5 ordered rates are too many/, /--grouping/);
  const own = csv('pair,lr_norms,lr_rest,score\na->b,1e-5,2e-5,1');
  await refused([own], {}, 'ERR_TRIAL_TABLE', /norms, rest.* no built-in grouping/, /JSON file/);
  const two = csv('pair,lr_0,score,grouping\na->b,1e-5,1,all\na->b,1e-5,1,depth:1');
  await refused([two], {}, 'ERR_COMBINE_MIXED', /2 kinds of grouping: all, depth:1/, /split/);
  await refused(
    [csv('pair,lr_0,score,layers\na->b,1e-5,1,many')],
    {},
    'ERR_TRIAL_TABLE',
    /number of layers, received "many"/,
  );
});

test('own groups come from a file', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'lrdist-'));
  t.after(() => rm(folder, { recursive: true }));
  const grouping = join(folder, 'groups.json');
  const groups = [
    { name: 'norms', match: '*LayerNorm*' },
    { name: 'rest', match: '*' },
  ];
  await writeFile(grouping, JSON.stringify({ groups }));
  const own = csv('pair,lr_rest,lr_norms,score\na->b,2e-5,1e-5,1');
  const { distribution } = await combineTables([own], { grouping, layers: 3 });
  assert.deepEqual(distribution.stages, [{ norms: 1e-5, rest: 2e-5 }]);
});

const kept = 'pair,lr_all,score,model,protocol,split,epochs';
test('what differs is refused with all values, unless told', async () => {
  const a = csv(`${kept}\na->b,1e-5,1,bert,keep,dev,3\nb->a,1e-5,1,bert,keep,dev,3`);
  const b = csv(`${kept}\nb->c,1e-4,1,roberta,paper,held out,5`, 'b.csv');
  await refused(
    [a, b],
    {},
    'ERR_COMBINE_MIXED',
    /model: bert \(2 rows: a\.csv\); roberta \(1 row: b\.csv\)/,
    /--allow_mixed/,
  );
  for (const name of ['protocol', 'split', 'epochs'])
    await refused([a, b], {}, 'ERR_COMBINE_MIXED', new RegExp(`^${name}: `, 'm'));
  const { distribution, notes } = await combineTables([a, b], { allowMixed: true });
  assert.ok(notes.some((note) => note.startsWith('mixed protocol: keep (2 rows')));
  assert.match(distribution.provenance['caution'] as string, /mixed model: bert/);
  assert.deepEqual((distribution.provenance['trials'] as { epochs: string[] }).epochs, ['3', '5']);
  // Within one table too; rows that do not count may differ.
  await refused([csv(`${kept}\na->b,1e-5,1,,,,3\na->b,1e-5,1,,,,4`)], {}, 'ERR_COMBINE_MIXED', /epochs: 3 .*; 4 /);
  const failed = csv(`${kept},state\na->b,1e-5,1,,,,3,complete\na->b,1e-5,1,,,,4,failed`);
  assert.equal((await combineTables([failed])).collected.trials.length, 1);
  const other = csv('pair,lr_0,score,grouping,state\na->b,1e-5,1,all,complete\na->b,1e-5,1,depth:3,failed');
  assert.equal((await combineTables([other])).collected.trials.length, 1);
});

test('what is unknown is told, and one value with unknown ones is no mixture', async () => {
  const a = csv(`${kept}\na->b,1e-5,1,bert,keep,dev,3`);
  const b = csv('pair,lr_all,score\nb->c,1e-4,1\nb->c,1e-3,2', 'b.csv');
  const { notes, distribution } = await combineTables([a, b]);
  assert.ok(
    notes.some((note) => /unknown.*model of 2 rows, protocol of 2 rows/.test(note)),
    String(notes),
  );
  assert.match(distribution.provenance['caution'] as string, /unknown/);
  assert.deepEqual((distribution.provenance['trials'] as { model: string[] }).model, ['bert', 'unknown']);
});

test('the same groups under another name are the same; others are converted when told', async () => {
  const layer = csv(
    'pair,lr_embeddings,lr_layer_0,lr_layer_1,lr_heads,score,grouping\na->b,1e-5,2e-5,3e-5,4e-5,1,layer',
  );
  const depth = csv('pair,lr_0,lr_1,lr_2,lr_3,score,grouping,layers\nb->a,1e-4,2e-4,3e-4,4e-4,1,depth:4,2', 'b.csv');
  assert.equal((await combineTables([layer, depth])).combination.pairs.length, 2);
  const all = ['2', '12'].map((layers) => csv(`pair,lr_all,score,layers\na->b,1e-5,1,${layers}`, `${layers}.csv`));
  await refused(all, {}, 'ERR_COMBINE_MIXED', /grouping: all of 2 layers .*all of 12 layers/);
  const finer = csv(
    'pair,lr_0,lr_1,lr_2,lr_3,lr_4,score,grouping,layers\nb->a,1e-4,2e-4,3e-4,4e-4,5e-4,1,depth:5,3',
    'c.csv',
  );
  await refused(
    [layer, finer],
    {},
    'ERR_COMBINE_MIXED',
    /grouping: layer of 2 layers \(1 row: a\.csv\); depth:5 of 3 layers/,
  );
  const { combination } = await combineTables([layer, finer], { allowMixed: true });
  const wanted = convert(byDepth(3, [1e-4, 2e-4, 3e-4, 4e-4, 5e-4]), { layers: 2, groups: layerGroups(2) });
  assert.deepEqual(combination.pairs[1]!.rates, Array.from(ratesAt(wanted.distribution)));
});

test('scores: the column, the sum, one of them, or weighted', async () => {
  const table = csv(`pair,lr_all,p_s,p_o
    a->b,1e-3,.9,.1
    a->b,1e-4,.6,.6
    a->b,1e-5,.2,.95`);
  const bestBy = async (score: string): Promise<number> =>
    (await combineTables([table], { score })).combination.pairs[0]!.best.rates[0]!;
  assert.equal(await bestBy('objective'), 1e-4);
  assert.equal(await bestBy('p_s'), 1e-3);
  assert.equal(await bestBy('p_o'), 1e-5);
  assert.equal(await bestBy('weighted:0.9'), 1e-3);
  assert.equal(await bestBy('weighted:0'), 1e-5);
  for (const score of ['before', 'weighted', 'weighted:2', 'weighted:-1', 'weighted:x', ''])
    await refused([table], { score }, 'ERR_INVALID_OPTION', /^score: expected/, /SHARE/);
  // A score of its own goes before the sum.
  const own = csv('pair,lr_all,p_s,p_o,score\na->b,1e-3,.9,.9,0\na->b,1e-4,.1,.1,1');
  const { combination, collected } = await combineTables([own]);
  assert.equal(combination.pairs[0]!.best.rates[0], 1e-4);
  assert.deepEqual(collected.kinds, ['score']);
  const lone = csv('pair,lr_all,p_s\na->b,1e-3,.9');
  await refused([lone], {}, 'ERR_TRIAL_TABLE', /a\.csv:2: it has p_s, .*p_s \+ p_o needs/, /--score p_s/);
  await refused(
    [table, own],
    {},
    'ERR_COMBINE_MIXED',
    /a->b are scored by p_s \+ p_o \(a\.csv:2\) and by score/,
    /--score/,
  );
});

test('repeated rates: a rank each, or one trial with their mean score', async () => {
  const table = csv(`pair,seed,lr_all,score
    a->b,1,1e-3,1.9
    a->b,2,1e-3,1.1
    a->b,1,1e-5,1.6`);
  const separate = await combineTables([table]);
  assert.equal(separate.combination.pairs[0]!.trials, 3);
  assert.ok(separate.notes.some((note) => /1 row with the rates of another.*--repeats mean/.test(note)));
  const { combination, notes } = await combineTables([table], { repeats: 'mean' });
  const rule = combineTrials([
    { pair: 'a->b', rates: [1e-3], score: 1.5 },
    { pair: 'a->b', rates: [1e-5], score: 1.6 },
  ]);
  assert.deepEqual(combination.rates, rule.rates);
  assert.ok(notes.some((note) => /averaged/.test(note)));
  // The mean is the same whatever the order of its scores.
  const lines = [0.1, 0.2, 0.3].map((score) => `a->b,1e-3,${score}`);
  const best = async (rows: readonly string[]): Promise<number> => {
    const result = await combineTables([csv(`pair,lr_all,score\n${rows.join('\n')}`)], { repeats: 'mean' });
    return result.combination.pairs[0]!.best.score;
  };
  assert.equal(await best(lines), await best(lines.toReversed()));
});

test('trials at chance are left out only when asked, and counted', async () => {
  const table = csv(`pair,lr_all,before,p_s,p_o
    sst2->mrpc,1e-5,.90,.80,.60
    sst2->mrpc,1e-3,.51,.80,.85
    sst2->mrpc,1e-3,.90,.69,.85
    sst2→mrpc,1e-3,.90,.80,.52`);
  assert.equal((await combineTables([table])).collected.trials.length, 4);
  const filter = { margin: 0.03, chance: parseChance('sst2=0.509, mrpc=0.684') };
  const { collected, combination, distribution, notes } = await combineTables([table], { filter });
  assert.deepEqual(collected.counts[0]!.left_out, { at_chance: 3 });
  assert.deepEqual(combination.rates, [1e-5]);
  assert.deepEqual((distribution.provenance['rule'] as { min_above_chance: unknown }).min_above_chance, filter);
  assert.ok(notes.includes('a.csv: 3 of 4 rows left out (3 at chance)'));
  assert.deepEqual(
    notes.filter((note) => note.startsWith('no trial of')),
    ['no trial of sst2→mrpc counts, so it is left out'],
  );
  await refused(
    [table],
    { filter: { margin: 0.5, chance: filter.chance } },
    'ERR_TRIAL_TABLE',
    /more than 0\.5 above chance/,
  );
  await refused(
    [table],
    { filter: { margin: 0, chance: { sst2: 0.5 } } },
    'ERR_INVALID_OPTION',
    /"mrpc" is not known/,
    /--chance mrpc=/,
  );
  const odd = csv('pair,lr_all,p_s,p_o\nfirst,1e-5,1,1');
  await refused([odd], { filter }, 'ERR_INVALID_OPTION', /a pair as sst2->mrpc, received "first"/);
  await refused(
    [csv('pair,lr_all,score\na->b,1e-5,1')],
    { filter },
    'ERR_INVALID_OPTION',
    /a\.csv:2 has no p_s and p_o/,
  );
  for (const text of ['', 'sst2', 'sst2=', 'sst2=1.5', '=0.5', 'sst2=half'])
    assert.throws(() => parseChance(text), { code: 'ERR_INVALID_OPTION' });
});

test('nothing to combine', async () => {
  await refused(
    [csv('pair,lr_all,score')],
    {},
    'ERR_TRIAL_TABLE',
    /no complete trial in a\.csv \(0 rows\)/,
    /complete/,
  );
  await refused([csv('pair,lr_all,score\na->b,1e-5,')], {}, 'ERR_TRIAL_TABLE', /no complete trial/);
  const half = csv('pair,lr_embeddings,lr_layer_0,lr_heads,score\na->b,0,1e-5,1e-5,1\na->b,1e-5,1e-5,1e-5,2');
  await refused(
    [half],
    {},
    'ERR_COMBINE_MIXED',
    /group 1 of 3 is frozen \(rate 0\) in a\.csv:2 \(a->b\) and learns in a\.csv:3/,
  );
});

test('the provenance has all that made the result, and the file reads back', async () => {
  const other = csv(
    'pair,lr_0,lr_1,lr_2,lr_3,score,minutes\nb->a,1e-4,0,3e-4,4e-4,1,5'.replace(',0,', ',2e-4,'),
    'b.csv',
  );
  const tables = [{ ...named, sha256: 'abc' }, other];
  const options = { name: 'x', weightBase: 2, top: 7, layers: 2, versions: { lrdist: '1' } };
  const { distribution, leftOut, combination, notes } = await combineTables(tables, options);
  assert.deepEqual(
    fromDocument(JSON.parse(JSON.stringify(toDocument(distribution)))),
    JSON.parse(JSON.stringify(distribution)),
  );
  const provenance = distribution.provenance as Record<string, Record<string, unknown> & unknown[]>;
  assert.deepEqual(provenance['rule']!['weight_base'], 2);
  assert.deepEqual(provenance['rule']!['top'], 7);
  assert.deepEqual(provenance['rule']!['scored_by'], ['p_s + p_o', 'score']);
  assert.deepEqual(provenance['versions'], { lrdist: '1' });
  assert.deepEqual(provenance['inputs'], [
    { source: 'a.csv', sha256: 'abc', rows: 3, used: 2, left_out: { failed: 1 } },
    { source: 'b.csv', sha256: undefined, rows: 1, used: 1, left_out: {} },
  ]);
  const [first] = provenance['pairs'] as { rates: object; best: { where: string; p_s: number } }[];
  assert.deepEqual(Object.values(first!.rates), combination.pairs[0]!.rates);
  assert.equal(first!.best.where, 'a.csv:2');
  assert.equal(first!.best.p_s, 0.8);
  assert.deepEqual(
    (provenance['without_pair'] as { factor_at_most: number }[]).map((each) => each.factor_at_most),
    leftOut.map(({ error }) => Math.exp(error.max)),
  );
  assert.ok(notes.includes('columns of b.csv not used: minutes'));
  assert.equal(distribution.name, 'x');
  const same = await combineTables([
    { ...named, sha256: 'abc' },
    { ...named, sha256: 'abc', source: 'c.csv' },
  ]);
  assert.ok(same.notes.some((note) => /c\.csv and a\.csv are the same file/.test(note)));
});

test('the order of rows and of tables changes no bit of the rates', async () => {
  const rows = fc.array(
    fc.record({
      pair: fc.constantFrom('a->b', 'b->a'),
      rates: fc.tuple(rateArbitrary, rateArbitrary),
      score: fc.integer({ min: 1, max: 4 }),
    }),
    { minLength: 2, maxLength: 16 },
  );
  const shuffled = rows.chain((list) =>
    fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length, maxLength: list.length })),
  );
  const write = (list: readonly { pair: string; rates: readonly number[]; score: number }[]): TrialTable[] =>
    [list.slice(0, 1), list.slice(1)].map((part, i) =>
      csv(
        `pair,lr_0,lr_1,score\n${part.map(({ pair, rates, score }) => `${pair},${rates},${score}`).join('\n')}`,
        `${i}.csv`,
      ),
    );
  await fc.assert(
    fc.asyncProperty(
      shuffled,
      fc.constantFrom('separate' as const, 'mean' as const),
      async ([list, other], repeats) => {
        const [one, two] = await Promise.all([
          combineTables(write(list), { repeats }),
          combineTables(write(other).reverse(), { repeats }),
        ]);
        assert.deepEqual(two.combination.rates, one.combination.rates);
        assert.deepEqual(two.combination.high, one.combination.high);
      },
    ),
    { numRuns: 50 },
  );
});
