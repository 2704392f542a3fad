import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import type { RateDistribution } from '../../../lib/rates/distribution.ts';
import { fromDocument, readRatesFile, toDocument, writeRatesFile } from '../../../lib/rates/file.ts';
import { fromPreset, presets } from '../../../lib/rates/presets.ts';
import { distributionArbitrary, rateArbitrary } from './helpers.ts';

const good = {
  format: 'lrdist-rates/1',
  name: 'a',
  layers: 12,
  groups: [{ name: 'all', match: '*' }],
  rates: { all: 2e-5 },
};

async function folderOf(t: { after(fn: () => Promise<void>): void }): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'lrdist-'));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}

test('a written distribution reads back the same', () => {
  const learning = distributionArbitrary(12).filter((d) =>
    d.stages.every((stage) => Object.values(stage).some((rate) => rate > 0)),
  );
  const arbitrary = fc
    .tuple(learning, fc.option(rateArbitrary, { nil: undefined }), fc.boolean())
    .map(([distribution, base, staged]): RateDistribution => {
      const [rates] = distribution.stages;
      return {
        ...distribution,
        ...(base === undefined ? {} : { base }),
        stages: staged ? [rates!, rates!] : [rates!],
        provenance: { note: 'x', pairs: ['a', 'b'] },
      };
    });
  fc.assert(
    fc.property(arbitrary, (distribution) =>
      assert.deepEqual(fromDocument(JSON.parse(JSON.stringify(toDocument(distribution)))), distribution),
    ),
  );
});

test('files round-trip, and no temporary file stays', async (t) => {
  const folder = await folderOf(t);
  for (const preset of presets) {
    const distribution = fromPreset(preset, 6);
    const path = join(folder, `${preset.name}.rates.json`);
    await writeRatesFile(path, distribution);
    assert.deepEqual(await readRatesFile(path), distribution);
  }
  assert.equal((await readdir(folder)).length, presets.length);
  assert.match(await readFile(join(folder, 'flat.rates.json'), 'utf8'), /"format": "lrdist-rates\/1"/);
});

test('a failed write leaves the old file and no half one', async (t) => {
  const folder = await folderOf(t);
  const path = join(folder, 'a.rates.json');
  await writeFile(path, 'old');
  const unwritable = { ...fromPreset(presets[0]!, 6), provenance: { big: 1n } };
  await assert.rejects(writeRatesFile(path, unwritable));
  await assert.rejects(writeRatesFile(join(folder, 'none', 'a.rates.json'), fromPreset(presets[0]!, 6)), {
    code: 'ERR_WRITE',
    message: /none/,
  });
  await mkdir(join(folder, 'b.rates.json'));
  await assert.rejects(writeRatesFile(join(folder, 'b.rates.json'), fromPreset(presets[0]!, 6)), { code: 'ERR_WRITE' });
  assert.equal(await readFile(path, 'utf8'), 'old');
  assert.deepEqual((await readdir(folder)).sort(), ['a.rates.json', 'b.rates.json']);
});

test('one rate table or several stages', () => {
  const staged = fromDocument({ ...good, rates: undefined, stages: [{ all: 1e-5 }, { all: 0.5 }] });
  assert.deepEqual(staged.stages, [{ all: 1e-5 }, { all: 0.5 }]);
  assert.ok('stages' in toDocument(staged));
  assert.ok('rates' in toDocument(fromDocument(good)));
});

const broken: Record<string, [document: unknown, message: RegExp]> = {
  'no object': [[], /expected object/i],
  'another format': [{ ...good, format: 'lrdist-rates/2' }, /lrdist-rates\/1/],
  'an unknown key': [{ ...good, layer: 3 }, /layer/],
  'no groups': [{ ...good, groups: [] }, /groups/],
  'a negative rate': [{ ...good, rates: { all: -1e-5 } }, /rates\.all/],
  'a rate above 1': [{ ...good, rates: { all: 2 } }, /rates\.all/],
  'a rate that is no number': [{ ...good, rates: { all: 'NaN' } }, /rates\.all/],
  'a rate of null': [{ ...good, rates: { all: null } }, /rates\.all/],
  'no rates': [{ ...good, rates: undefined }, /exactly one of "rates" and "stages"/],
  'rates and stages': [{ ...good, stages: [{ all: 1e-5 }] }, /exactly one of "rates" and "stages"/],
  'no stage': [{ ...good, rates: undefined, stages: [] }, /stages/],
  'a missing group': [{ ...good, rates: {} }, /rates: no rate for "all"/],
  'an unknown group': [{ ...good, rates: { all: 1e-5, head: 1e-5 } }, /do not exist: "head"/],
  'a missing group in a stage': [{ ...good, rates: undefined, stages: [{ all: 1e-5 }, {}] }, /stages\[1\]: no rate/],
  'nothing that learns': [{ ...good, rates: { all: 0 } }, /every rate is 0/],
  'two groups of one name': [
    {
      ...good,
      groups: [
        { name: 'all', match: 'a' },
        { name: 'all', match: '*' },
      ],
    },
    /two groups are named "all"/,
  ],
  'a bad pattern': [{ ...good, groups: [{ name: 'all', match: '/(/' }] }, /regular expression/],
  'layers of 0': [{ ...good, layers: 0 }, /layers/],
};
for (const [name, [document, message]] of Object.entries(broken)) {
  test(`refused: ${name}`, () => {
    assert.throws(
      () => fromDocument(JSON.parse(JSON.stringify(document)), 'a.rates.json'),
      (error: { code: string; message: string }) => {
        assert.equal(error.code, 'ERR_RATES_FILE');
        assert.match(error.message, /^a\.rates\.json: /);
        assert.match(error.message, message);
        return true;
      },
    );
  });
}

test('a file that is not JSON names itself', async (t) => {
  const path = join(await folderOf(t), 'a.rates.json');
  await writeFile(path, '{');
  await assert.rejects(readRatesFile(path), { code: 'ERR_RATES_FILE', message: /a\.rates\.json is not JSON/ });
});
