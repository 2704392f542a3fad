import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { flat, ratesAt } from '../../../lib/rates/distribution.ts';
import { formatRateSpec, loadRates, parseRates, type RateSpec } from '../../../lib/rates/parse.ts';
import { presetNames } from '../../../lib/rates/presets.ts';
import { rateArbitrary } from './helpers.ts';

test('numbers, names, bases and files', () => {
  assert.deepEqual(parseRates('2e-5, .001,flat,fast-head@1e-4,runs/a.rates.json,b.rates.json@3e-5,user@host/c.json'), [
    { kind: 'flat', rate: 2e-5 },
    { kind: 'flat', rate: 0.001 },
    { kind: 'preset', name: 'flat' },
    { kind: 'preset', name: 'fast-head', base: 1e-4 },
    { kind: 'file', path: 'runs/a.rates.json' },
    { kind: 'file', path: 'b.rates.json', base: 3e-5 },
    { kind: 'file', path: 'user@host/c.json' },
  ]);
});

test('what was parsed and formatted parses to the same', () => {
  const base = fc.option(rateArbitrary, { nil: undefined });
  const withBase = (spec: RateSpec, value: number | undefined): RateSpec =>
    value === undefined ? spec : ({ ...spec, base: value } as RateSpec);
  const path = fc.stringMatching(/^[a-z@.]{1,8}\/[a-z0-9@]{1,8}\.rates\.json$/);
  const spec: fc.Arbitrary<RateSpec> = fc.oneof(
    rateArbitrary.map((rate): RateSpec => ({ kind: 'flat', rate })),
    fc.tuple(fc.constantFrom(...presetNames), base).map(([name, value]) => withBase({ kind: 'preset', name }, value)),
    fc.tuple(path, base).map(([file, value]) => withBase({ kind: 'file', path: file }, value)),
  );
  fc.assert(
    fc.property(fc.array(spec, { minLength: 1, maxLength: 5 }), (specs) =>
      assert.deepEqual(parseRates(specs.map(formatRateSpec).join(',')), specs),
    ),
  );
});

test('bad rates are refused with what was received', () => {
  const bad = [
    'nan',
    'NaN',
    '-1e-5',
    'inf',
    '-Infinity',
    '1e999',
    '0',
    '1.5',
    '2',
    '1e',
    '0x10',
    '2e-5x',
    'flat@nan',
    'flat@-1',
    'flat@',
    'flat@x',
    'fast-head@0',
    'flat@1e-5@2e-5',
    'a.json@0',
    'a.json@-1',
  ];
  for (const text of bad) {
    assert.throws(
      () => parseRates(text),
      (error: { code: string; message: string }) => {
        assert.equal(error.code, 'ERR_INVALID_OPTION', text);
        assert.match(error.message, /^rates: /);
        return true;
      },
    );
  }
  assert.throws(() => parseRates('flat@nan'), {
    message: 'rates: expected a learning rate above 0, received "nan" in "flat@nan"',
  });
  assert.throws(() => parseRates('3'), { message: 'rates: expected a learning rate of at most 1, received "3"' });
});

test('empty lists and entries are refused', () => {
  for (const text of ['', ' ', ',', '1e-5,', '1e-5,,2e-5'])
    assert.throws(() => parseRates(text), { code: 'ERR_INVALID_OPTION' }, text);
});

test('an unknown name shows the nearest', () => {
  assert.throws(() => parseRates('fast-haed@1e-4'), {
    code: 'ERR_INVALID_OPTION',
    message: /no distribution named "fast-haed"/,
    remedy: 'Did you mean fast-head?',
  });
  assert.throws(() => parseRates('somethingelse'), { remedy: /ends in \.json/ });
});

test('a list resolves to distributions for the model’s layers', async () => {
  const [two, head, combined] = await loadRates('2e-5,fast-head@1e-4,paper-combined', { layers: 6 });
  assert.deepEqual(ratesAt(two!), ratesAt(flat(2e-5)));
  assert.deepEqual([two!.name, head!.name, combined!.name], ['flat@2e-5', 'fast-head@1e-4', 'paper-combined']);
  assert.deepEqual([two!.layers, head!.layers, combined!.groups.length], [6, 6, 8]);
});

test('a given base serves the names without one', async () => {
  const [plain, own] = await loadRates('fast-head,fast-head@1e-4', { layers: 12, base: 3e-5 });
  assert.deepEqual([plain!.base, own!.base], [3e-5, 1e-4]);
});

test('files are read, mapped and moved to another base', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'lrdist-'));
  t.after(() => rm(folder, { recursive: true }));
  const file = join(folder, 'a.rates.json');
  const document = {
    format: 'lrdist-rates/1',
    name: 'mine',
    layers: 12,
    base: 1e-5,
    groups: [
      { name: 'body', match: ['bert.embeddings.*', 'bert.encoder.*'] },
      { name: 'heads', match: '*' },
    ],
    rates: { body: 1e-5, heads: 3e-5 },
  };
  await writeFile(file, JSON.stringify(document));
  const [read, moved] = await loadRates(`${file},${file}@2e-4`, { layers: 2 });
  assert.deepEqual([read!.name, read!.layers, ...ratesAt(read!)], ['mine', 2, 1e-5, 3e-5]);
  assert.equal(moved!.name, 'mine@2e-4');
  const [body, heads] = ratesAt(moved!);
  assert.equal(body, 2e-4);
  assert.ok(Math.abs(heads! / 6e-4 - 1) < 1e-12);

  await writeFile(file, JSON.stringify({ ...document, base: undefined }));
  await assert.rejects(loadRates(`${file}@1e-4`, { layers: 12 }), {
    code: 'ERR_INVALID_OPTION',
    message: /has no base/,
  });
  await assert.rejects(loadRates(join(folder, 'none.json'), { layers: 12 }), { code: 'ERR_READ' });
});
