import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fromDocument, readRatesFile } from '../../../lib/rates/file.ts';
import { fromPreset, presetFamilies, presets } from '../../../lib/rates/presets.ts';
import { run } from './helpers.ts';

test('rates list names every built-in distribution', async () => {
  const { code, stdout } = await run(['rates', 'list']);
  assert.equal(code, 0);
  for (const { name } of presets) assert.match(stdout, new RegExp(`^${name} `, 'm'));
  assert.deepEqual(
    (JSON.parse((await run(['rates', 'list', '--json'])).stdout) as { name: string }[]).map(({ name }) => name),
    [...presets.map(({ name }) => name), ...presetFamilies.map(() => undefined)],
  );
  for (const { form } of presetFamilies) assert.ok(stdout.includes(`\n${form} `), form);
});

test('rates show --json prints a rates file that show reads', async (t) => {
  const { code, stdout } = await run(['rates', 'show', 'paper-combined', '--layers', '6', '--json']);
  assert.equal(code, 0);
  assert.deepEqual(
    fromDocument(JSON.parse(stdout)),
    fromPreset(presets.find(({ name }) => name === 'paper-combined')!, 6),
  );
  const folder = await mkdtemp(join(tmpdir(), 'lrdist-'));
  t.after(() => rm(folder, { recursive: true }));
  writeFileSync(join(folder, 'x.rates.json'), stdout);
  const shown = await run(['rates', 'show', join(folder, 'x.rates.json'), '--layers=6']);
  assert.match(shown.stdout, /paper-combined \(6 layers\)[\s\S]*heads +4 +1\.119e-5 +█/);
  assert.match(shown.stdout, /2404\.01317/);
});

test('rates show takes a list', async () => {
  const { stdout } = await run(['rates', 'show', '2e-5,fast-head@1e-4', '--json']);
  assert.deepEqual(
    (JSON.parse(stdout) as { name: string }[]).map(({ name }) => name),
    ['flat@2e-5', 'fast-head@1e-4'],
  );
});

async function folderOf(t: { after(fn: () => Promise<void>): void }): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'lrdist-'));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}

test('rates show draws: bars in the terminal, steps in an SVG file', async (t) => {
  const svg = join(await folderOf(t), 'a.svg');
  const { stdout, stderr } = await run(['rates', 'show', 'flat@2e-5,llrd-0.9@1e-4', '--layers', '3', '--svg', svg]);
  assert.match(stdout, /^group +tensors +flat@2e-5 +llrd-0\.9@1e-4$/m);
  assert.match(stdout, /^layer_2 +16 +2e-5 +█+[▏▎▍▌▋▊▉]? +9e-5 +█/m);
  assert.match(stderr, /wrote/);
  assert.match(readFileSync(svg, 'utf8'), /^<svg [\s\S]*>llrd-0\.9@1e-4<\/text>[\s\S]*<\/svg>\n$/);
  const { code } = await run(['rates', 'show', 'flat', '--svg', join(svg, 'no.svg')]);
  assert.equal(code, 1);
});

test('rates convert writes a file for another depth or other groups, with its error', async (t) => {
  const file = join(await folderOf(t), 'c.rates.json');
  const { code, stdout } = await run(['rates', 'convert', 'paper-combined', '--layers', '6', '--output', file]);
  assert.equal(code, 0);
  assert.match(stdout, /from 12 layers in 10 groups: a factor of 1\.\d+ in the mean, 1\.\d+ at most/);
  const written = await readRatesFile(file);
  const { log_error, ...provenance } = written.provenance;
  assert.deepEqual({ ...written, provenance }, fromPreset(presets.find(({ name }) => name === 'paper-combined')!, 6));
  assert.ok((log_error as { rms: number }).rms > 0.1);
  // And back up, into groups of another kind, from the file.
  const again = await run([
    'rates',
    'convert',
    file,
    '--from_layers',
    '6',
    '--layers',
    '2',
    '--grouping',
    'layer-kind+pooler',
    '--json',
  ]);
  const document = fromDocument(JSON.parse(again.stdout));
  assert.equal(document.groups.length, 2 * 4 + 3);
  assert.equal(document.stages[0]!['pooler'], 1.119e-5);
  assert.match((await run(['rates', 'convert', 'llrd-0.9', '--grouping', 'layer-qkv'])).stdout, /14 groups: exact/);
  const mixed = await run(['rates', 'convert', 'freeze-2', '--grouping', 'depth:4']);
  assert.deepEqual([mixed.code, mixed.stdout], [1, '']);
  assert.match(mixed.stderr, /ERR_RATES_ENCODE/);
});

test('rates diff tells ratios, level and shape', async () => {
  const { stdout } = await run(['rates', 'diff', 'flat@1e-5', 'fast-head@2e-5', '--layers', '2']);
  assert.match(stdout, /^body +37 +1e-5 +2e-5 +x2$/m);
  assert.match(stdout, /^heads +4 +1e-5 +2e-4 +x20$/m);
  assert.match(stdout, /fast-head@2e-5 is at 2\.504 times flat@1e-5/);
  const document = JSON.parse(
    (await run(['rates', 'diff', 'paper-rounded', 'paper-rounded@4e-5', '--json'])).stdout,
  ) as {
    level: number;
    shape: { max: number };
  };
  assert.ok(Math.abs(document.level - 2) < 1e-9 && document.shape.max < 1e-9);
});

test('rates export prints or writes each format', async (t) => {
  const file = join(await folderOf(t), 'rates.py');
  const json = await run(['rates', 'export', 'llrd-0.8@1e-4', '--layers', '2']);
  assert.equal(fromDocument(JSON.parse(json.stdout)).groups.length, 4);
  const typescript = await run(['rates', 'export', 'flat@1e-4', '--format', 'typescript']);
  assert.match(typescript.stdout, /export const flatAt1e4: RateDistribution = \{/);
  const torch = await run([
    'rates',
    'export',
    'freeze-1@1e-4',
    '--layers',
    '2',
    '--format',
    'pytorch',
    '--output',
    file,
  ]);
  assert.equal(torch.code, 0);
  const text = readFileSync(file, 'utf8');
  assert.match(text, /\("layer_0", 0, \["\^bert\\\\\.encoder\\\\\.layer\\\\\.0/);
  assert.match(text, /\("heads", 1e-4, /);
  assert.doesNotMatch(text, /RatesTrainer/);
  const trainer = await run(['rates', 'export', 'flat@1e-4', '--format', 'huggingface']);
  assert.match(trainer.stdout, /class RatesTrainer\(transformers\.Trainer\)/);
});

test('--stage counts from 1', async (t) => {
  const file = join(await folderOf(t), 'two.rates.json');
  const groups = [{ name: 'all', match: '*' }];
  const stages = [{ all: 1e-5 }, { all: 4e-5 }];
  writeFileSync(file, JSON.stringify({ format: 'lrdist-rates/1', name: 'two', layers: 12, groups, stages }));
  for (const [stage, rate, ratio] of [
    [[], '1e-5', 'x0.5'],
    [['--stage', '2'], '4e-5', 'x2'],
  ] as const) {
    const exported = await run(['rates', 'export', file, '--format', 'pytorch', ...stage]);
    assert.match(exported.stdout, new RegExp(`\\("all", ${rate}, `));
    const { stdout } = await run(['rates', 'diff', '2e-5', file, ...stage]);
    assert.match(stdout, new RegExp(` ${rate} +${ratio}$`, 'm'));
  }
});

test('mistakes are wrong usage', async () => {
  for (const argv of [
    ['rates'],
    ['rates', 'shw'],
    ['rates', 'show'],
    ['rates', 'show', 'flt'],
    ['rates', 'show', 'flat@nan'],
    ['rates', 'list', 'flat'],
    ['rates', 'show', 'flat', '--layers', '0'],
    ['rates', 'show', 'flat', 'x'],
    ['rates', 'show', 'flat', '--grouping', 'layer'],
    ['rates', 'show', 'freeze-7', '--layers', '6'],
    ['rates', 'show', 'llrd-2'],
    ['rates', 'convert', 'flat'],
    ['rates', 'convert', '--layers', '6'],
    ['rates', 'convert', 'flat,flat', '--layers', '6'],
    ['rates', 'convert', 'flat', '--grouping', 'depths'],
    ['rates', 'diff', 'flat'],
    ['rates', 'diff', 'flat,flat', 'flat'],
    ['rates', 'diff', 'flat', 'fast-head', '--stage', '2'],
    ['rates', 'export', 'flat', '--format', 'yaml'],
    ['rates', 'export', 'flat,fast-head'],
    ['rates', 'list', '--layers', '3'],
  ]) {
    const { code, stdout, stderr } = await run(argv);
    assert.deepEqual([argv, code, stdout], [argv, 2, '']);
    assert.match(stderr, /^lrdist: .+\n[\s\S]*\(ERR_\w+\)\n$/);
  }
});
