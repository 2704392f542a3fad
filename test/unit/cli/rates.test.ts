import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fromDocument } from '../../../lib/rates/file.ts';
import { fromPreset, presets } from '../../../lib/rates/presets.ts';
import { run } from './helpers.ts';

test('rates list names every built-in distribution', async () => {
  const { code, stdout } = await run(['rates', 'list']);
  assert.equal(code, 0);
  for (const { name } of presets) assert.match(stdout, new RegExp(`^${name} `, 'm'));
  assert.deepEqual(
    (JSON.parse((await run(['rates', 'list', '--json'])).stdout) as { name: string }[]).map(({ name }) => name),
    presets.map(({ name }) => name),
  );
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
  ]) {
    const { code, stdout, stderr } = await run(argv);
    assert.deepEqual([argv, code, stdout], [argv, 2, '']);
    assert.match(stderr, /^lrdist: .+\n[\s\S]*\(ERR_\w+\)\n$/);
  }
});
