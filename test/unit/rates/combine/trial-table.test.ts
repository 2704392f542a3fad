import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  formatTrialTable,
  parseTrialTable,
  readTrialTable,
  writeTrialTable,
  type ReadTableOptions,
  type TableFormat,
  type TrialRow,
  type TrialTable,
} from '../../../../lib/rates/trial-table.ts';
import { rateArbitrary } from '../helpers.ts';

const csv = (text: string, options: ReadTableOptions = {}): TrialTable =>
  parseTrialTable(text, { source: 'a.csv', format: 'csv', ...options });
const jsonl = (text: string, options: ReadTableOptions = {}): TrialTable =>
  parseTrialTable(text, { source: 'a.jsonl', format: 'jsonl', ...options });

function refused(read: () => unknown, message: RegExp, { code = 'ERR_TRIAL_TABLE', remedy = /./ } = {}): void {
  assert.throws(read, (error: Error & { code?: string; remedy?: string }) => {
    assert.equal(error.code, code, String(error.stack));
    assert.match(error.message, message);
    assert.match(error.remedy ?? '', remedy);
    return true;
  });
}

test('a CSV with everything', () => {
  const table = csv(
    [
      'pair,seed,lr_embeddings,lr_body,lr_heads,before,p_s,p_o,state,model,protocol,grouping,split,epochs,minutes',
      'sst2->mrpc,7,1e-5,2E-5,0.0003,.91,.86,.90,complete,bert,keep,depth:3,dev,3.0,12',
      '',
      '"a, b", ,1e-5,2e-5,3e-5,.9,,,PRUNED,bert,keep,depth:3,dev,3,1',
    ].join('\r\n'),
  );
  assert.deepEqual(table.groups, ['embeddings', 'body', 'heads']);
  assert.equal(table.ordered, false);
  assert.deepEqual(table.unused, ['minutes']);
  const context = { model: 'bert', protocol: 'keep', grouping: 'depth:3', split: 'dev', epochs: '3' };
  assert.deepEqual(table.rows, [
    {
      pair: 'sst2->mrpc',
      state: 'complete',
      rates: [1e-5, 2e-5, 3e-4],
      scores: { before: 0.91, p_s: 0.86, p_o: 0.9 },
      context,
      seed: 7,
      where: 'a.csv:2',
    },
    { pair: 'a, b', state: 'pruned', rates: [1e-5, 2e-5, 3e-5], scores: { before: 0.9 }, context, where: 'a.csv:4' },
  ]);
});

test('JSON lines with the same keys, and an array of them', () => {
  const lines = [
    { pair: 'a->b', lr_0: 1e-5, lr_1: 2e-5, score: 1.5, epochs: 3 },
    { pair: 'a->b', lr_0: 1e-5, lr_1: 2e-5, score: null },
    { pair: 'a->b', lr_1: 2e-5, state: 'failed' },
  ];
  const table = jsonl(`${lines.map((line) => JSON.stringify(line)).join('\n\n')}\n`);
  assert.deepEqual(
    table.rows.map(({ state, rates, where }) => [state, rates, where]),
    [
      ['complete', [1e-5, 2e-5], 'a.jsonl:1'],
      ['unscored', [1e-5, 2e-5], 'a.jsonl:3'],
      ['failed', null, 'a.jsonl:5'],
    ],
  );
  assert.equal(table.ordered, true);
  assert.deepEqual(table.rows[0]!.context, { epochs: '3' });
  const array = jsonl(JSON.stringify(lines, null, 2));
  assert.deepEqual(
    array.rows.map(({ where }) => where),
    ['a.jsonl, record 1', 'a.jsonl, record 2', 'a.jsonl, record 3'],
  );
});

test('ordered rates go by their numbers, not by the order of the columns', () => {
  const heading = Array.from({ length: 12 }, (_, i) => `lr_${i}`).sort();
  const line = heading.map((name) => `${Number(name.slice(3)) + 1}e-6`);
  const { groups, rows } = csv(`pair,p_s,p_o,${heading}\na->b,1,1,${line}\n`);
  assert.deepEqual(groups, ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '10', '11']);
  assert.deepEqual(
    rows[0]!.rates,
    groups.map((_, i) => Number(`${i + 1}e-6`)),
  );
});

test("other people's names: a mapping of columns", () => {
  const theirs = 'task,rate_0,rate_1,acc1,acc2,acc3,score\nx,1e-5,2e-5,.9,.8,.7,99\n';
  const columns = 'pair=task,lr_*=rate_*,before=acc1,p_s=acc2,score=acc3';
  const { rows, unused } = csv(theirs, { columns });
  assert.deepEqual(rows[0]!.scores, { before: 0.9, p_s: 0.8, score: 0.7 });
  assert.deepEqual(rows[0]!.rates, [1e-5, 2e-5]);
  // Their own "score" gave way to the mapped one.
  assert.deepEqual(unused, ['score']);
  // A file that has our names already needs no mapping.
  assert.equal(csv('pair,lr_0,before,p_s,score\nx,1,1,1,1\n', { columns }).rows.length, 1);
  refused(() => csv('pair,lr_0,p_s\nx,1,1\n', { columns: 'p_o=acc3' }), /no column "acc3" to read as p_o/);
  refused(() => csv('pair,lr_0,a,b\nx,1,1,1\n', { columns: 'p_o=a,p_o=b' }), /"a" and "b" would both be p_o/);
  const bad = (text: string, message: RegExp, remedy = /./): void =>
    refused(() => csv(theirs, { columns: text }), message, { code: 'ERR_INVALID_OPTION', remedy });
  bad('p_oo=acc3', /no column "p_oo"/, /p_o=acc3/);
  for (const text of ['', 'p_o', 'p_o=', '=acc', 'p_o=a=b']) bad(text, /OURS=THEIRS/);
  for (const text of ['lr_*=rate', 'lr_0=rate_*', 'lr_**=r**']) bad(text, /one "\*"/);
});

test('one pair for a whole file', () => {
  assert.equal(csv('lr_0,score\n1e-5,1\n', { pair: 'a->b' }).rows[0]!.pair, 'a->b');
  refused(() => csv('lr_0,score\n1e-5,1\n'), /no column "pair"/, { remedy: /sst2->mrpc=a\.csv/ });
  refused(() => csv('pair,lr_0,score\nx,1e-5,1\n', { pair: 'a->b' }), /has a column "pair"/);
});

test('states: ours and those of Optuna; without a state, scores tell', () => {
  const states = ['complete', 'COMPLETE', 'TrialState.COMPLETE', 'PRUNED', 'FAIL', 'failed', 'RUNNING', 'WAITING', ''];
  const { rows } = csv(`pair,lr_0,score,state\n${states.map((state) => `x,1e-5,1,${state}`).join('\n')}\n`);
  assert.deepEqual(
    rows.map(({ state }) => state),
    ['complete', 'complete', 'complete', 'pruned', 'failed', 'failed', 'running', 'waiting', 'complete'],
  );
  const without = csv('pair,lr_0,p_s,p_o\nx,1e-5,.8,.7\nx,1e-5,.8,\nx,1e-5,.8,nan\nx,1e-5,None,.7\n');
  assert.deepEqual(
    without.rows.map(({ state }) => state),
    ['complete', 'unscored', 'unscored', 'unscored'],
  );
});

const good = 'pair,lr_0,lr_1,p_s,p_o,state\na->b,1e-5,2e-5,.8,.7,complete\n';
const brokenTables: readonly [text: string, message: RegExp, remedy?: RegExp][] = [
  ['', /^a\.csv: expected a heading line/],
  ['pair,pair\n', /^a\.csv:1: two columns are named "pair"/],
  ['pair,p_s,p_o\nx,1,1\n', /^a\.csv: there are no rates: .*pair, p_s, p_o/, /lr_\*=rate_\*/],
  ['pair,lr_0\nx,1e-5\n', /^a\.csv: there are no scores/],
  ['pair,lr_0,p_0\nx,1e-5,1\n', /no scores/, /Did you mean p_o by "p_0"\? --columns p_o=p_0/],
  ['pair,lr_0,lr_heads,score\n', /names or numbers of groups, not both/],
  ['pair,lr_1,lr_2,score\n', /ordered rates lr_0 to lr_1, there is no lr_0/],
  [`${good}a->b,1e-5,2e-5,.8\n`, /^a\.csv:3: expected 6 cells as in the heading, received 4/],
  [`${good}a->b,1e-5,two,.8,.7,complete\n`, /^a\.csv:3: expected a number under "lr_1", received "two"/],
  [`${good}a->b,1e-5,-1e-5,.8,.7,complete\n`, /expected a learning rate from 0 to 1 under "lr_1", received -0\.00001/],
  [`${good}a->b,1e-5,20,.8,.7,complete\n`, /under "lr_1", received 20/],
  [`${good}a->b,1e-5,nan,.8,.7,pruned\n`, /under "lr_1", received NaN/],
  [`${good}a->b,1e-5,inf,.8,.7,complete\n`, /under "lr_1", received Infinity/],
  [`${good}a->b,1e-5,,.8,.7,complete\n`, /expected a learning rate under "lr_1", received nothing/],
  [`${good}a->b,1e-5,2e-5,.8,nan,complete\n`, /finite number for p_o of a complete trial, received "nan"/, /state/],
  [`${good}a->b,1e-5,2e-5,.8,,complete\n`, /finite number for p_o of a complete trial, received nothing/],
  [`${good}a->b,1e-5,2e-5,80 %,.7,complete\n`, /number under "p_s", received "80 %"/],
  [`${good}a->b,1e-5,2e-5,.8,.7,done\n`, /expected a state \(complete, .*received "done"/],
  [`${good} ,1e-5,2e-5,.8,.7,complete\n`, /expected the pair of tasks under "pair", received nothing/],
  [`${good}"a->b,1e-5,2e-5,.8,.7,complete\n`, /^a\.csv:\d: not readable as comma-separated text/, /[Qq]uote/],
];

test('a broken table is refused with file, line, what was expected and what to do', () => {
  assert.equal(csv(good).rows.length, 1);
  for (const [text, message, remedy] of brokenTables)
    refused(() => csv(text), message, remedy === undefined ? {} : { remedy });
  refused(
    () => jsonl('{"pair":"x","lr_0":1e-5,"score":1}\n[1]\n'),
    /^a\.jsonl:2: expected a JSON object, received \[1\]/,
  );
  refused(() => jsonl('{"pair":"x"\n'), /^a\.jsonl:1: not JSON/);
  refused(() => jsonl('{"pair":"x","lr_0":1e-5,"score":NaN}\n'), /not JSON/, { remedy: /null/ });
  refused(() => jsonl('[{"pair":"x","lr_0":"a","score":1}]'), /^a\.jsonl, record 1: expected a number/);
  refused(() => jsonl('\n'), /there is none/);
});

const textArbitrary = fc
  .string({ minLength: 1, maxLength: 8 })
  .map((text) => text.trim())
  .filter((text) => text !== '');
const rowArbitrary = fc.record(
  {
    pair: textArbitrary,
    rates: fc.array(fc.oneof(rateArbitrary, fc.constant(0)), { minLength: 3, maxLength: 3 }),
    scores: fc.record({
      p_s: fc.double({ min: 0, max: 1, noNaN: true }),
      p_o: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
    state: fc.constantFrom('complete', 'pruned', 'failed', 'running', 'waiting'),
    context: fc.record(
      { model: textArbitrary, protocol: textArbitrary, epochs: fc.constantFrom('3', '0.5') },
      { requiredKeys: [] },
    ),
    seed: fc.integer({ min: 0, max: 2 ** 31 }),
  },
  { requiredKeys: ['pair', 'rates', 'scores', 'state', 'context'] },
);

test('a written table reads back the same, in each format', () => {
  // A number as text comes back as the same text.
  const plain = (rows: readonly Omit<TrialRow, 'where'>[]): unknown =>
    rows.map(({ pair, rates, scores, state, context, seed }) => ({
      pair,
      rates,
      scores: { ...scores },
      state,
      context: { ...context },
      seed,
    }));
  fc.assert(
    fc.property(
      fc.array(rowArbitrary, { minLength: 1, maxLength: 8 }),
      fc.constantFrom<TableFormat>('csv', 'tsv', 'jsonl'),
      (rows, format) => {
        const table = {
          source: 'x',
          groups: ['embeddings', 'layers_0-1', 'a "b", c'],
          ordered: false,
          rows: rows.map((row) => ({ ...row, where: '' })) as TrialRow[],
          unused: [],
        };
        const read = parseTrialTable(formatTrialTable(table, format), { source: 'x', format });
        assert.deepEqual(read.groups, table.groups);
        assert.deepEqual(plain(read.rows), plain(table.rows));
      },
    ),
  );
});

test('a table of trials without rates keeps its columns', () => {
  const table = csv('pair,lr_0,lr_1,score,state\na->b,,,,failed\n');
  assert.deepEqual(table.rows[0]!.rates, null);
  assert.equal(formatTrialTable(table, 'csv'), 'pair,lr_0,lr_1,state\na->b,,,failed\n');
});

test('files, by their ending', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'lrdist-'));
  t.after(() => rm(folder, { recursive: true }));
  const path = (name: string): string => join(folder, name);
  const table = csv(good);
  for (const name of ['t.csv', 't.tsv', 't.jsonl', 't.ndjson', 't.json']) {
    await writeTrialTable(path(name), table);
    const { rows, sha256, source } = await readTrialTable(path(name));
    assert.deepEqual(rows[0]!.rates, [1e-5, 2e-5]);
    assert.match(sha256 ?? '', /^[0-9a-f]{64}$/);
    assert.equal(source, path(name));
  }
  assert.equal((await readdir(folder)).length, 5);
  await writeFile(path('bom.csv'), `\uFEFF${good}`);
  assert.equal((await readTrialTable(path('bom.csv'))).rows.length, 1);
  await writeFile(path('bom.tsv'), `\uFEFF${good.replaceAll(',', '\t')}`);
  assert.equal((await readTrialTable(path('bom.tsv'))).rows.length, 1);
  const code = (wanted: string) => ({ code: wanted });
  await assert.rejects(readTrialTable(path('none.csv')), code('ERR_READ'));
  await assert.rejects(readTrialTable(path('t.xlsx')), code('ERR_TRIAL_TABLE'));
  await assert.rejects(writeTrialTable(path('no/t.csv'), table), code('ERR_WRITE'));
});
