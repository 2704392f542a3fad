import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Script } from 'node:vm';
import { constantName, toTypeScript } from '../../../lib/rates/export/typescript.ts';
import { toPython } from '../../../lib/rates/export/python.ts';
import { findPreset, fromPreset } from '../../../lib/rates/presets.ts';
import { byDepth } from './helpers.ts';

test('the TypeScript module, imported, is the distribution', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'lrdist-'));
  t.after(() => rm(folder, { recursive: true }));
  for (const name of ['paper-combined', 'lp-ft', 'llrd-0.95']) {
    const distribution = fromPreset(findPreset(name)!, 6);
    const file = join(folder, `${name}.mts`);
    await writeFile(file, toTypeScript(distribution));
    const module = (await import(file)) as Record<string, unknown>;
    assert.deepEqual(module['default'], distribution);
    assert.deepEqual(module[constantName(distribution.name)], distribution);
  }
});

test('names become identifiers', () => {
  const names: readonly [name: string, constant: string][] = [
    ['llrd-0.95@3e-4', 'llrd095At3e4'],
    ['Flat', 'flat'],
    ['3 rates', 'rates3Rates'],
    ['', 'rates'],
    ['new', 'ratesNew'],
    ['à la carte', 'laCarte'],
  ];
  for (const [name, constant] of names) {
    assert.equal(constantName(name), constant);
    assert.doesNotThrow(() => new Script(`'use strict'; const ${constant} = 1;`));
  }
});

test('names and sources cannot break out of the Python text', () => {
  const text = toPython({
    ...byDepth(1, [1e-5, 1e-4]),
    name: 'a"""\nimport os\\',
    provenance: { source: '"""\nimport os' },
  });
  assert.match(text, /^"""Learning rates a''' import os\/ for/);
  assert.doesNotMatch(text, /^import os/m);
  assert.match(text, /^NAME = "a\\"\\"\\"\\nimport os\\\\"$/m);
});
