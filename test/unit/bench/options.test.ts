import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseCommandLine } from '../../../bench/lib/options.ts';
import { flags } from '../../../bench/lib/programs.ts';
import { findPython } from '../../../bench/lib/python.ts';
import { temporaryFolder } from '../../helpers/temporary.ts';

test('the command line goes before the defaults of a case, and these before the general ones', () => {
  const line = parseCommandLine([
    'step',
    '--rounds',
    '2',
    '--models',
    'minilm,bert-tiny',
    '--precisions',
    'bf16',
    '--dry-run',
  ]);
  assert.deepEqual([line.words, line.dryRun], [['step'], true]);
  const options = line.for({ defaults: { rounds: 9, steps: 12 } });
  assert.deepEqual(
    [options.rounds, options.steps, options.batch, options.models, options.precisions],
    [2, 12, 32, ['minilm', 'bert-tiny'], ['bf16']],
  );
});

test('values that are none are refused', () => {
  assert.throws(
    () => parseCommandLine(['step', '--rounds', '0']),
    /--rounds: expected a whole number above 0, received 0/,
  );
  assert.throws(() => parseCommandLine(['step', '--precisions', 'fp8']), /fp32, tf32 or bf16, received fp8/);
  assert.throws(() => parseCommandLine(['step', '--round', '1']), /--round/);
});

test('flags: names with values, switches alone, false left out', () => {
  assert.deepEqual(flags({ seed: 1, model: 'a b', bf16: true, compile: false }), [
    '--seed',
    '1',
    '--model',
    'a b',
    '--bf16',
  ]);
});

test("PYTHON goes before the work folder's own, and that before python3", () => {
  const work = temporaryFolder();
  assert.equal(findPython(work, {}), 'python3');
  mkdirSync(join(work, 'python', 'bin'), { recursive: true });
  const own = join(work, 'python', 'bin', 'python3');
  writeFileSync(own, '');
  assert.equal(findPython(work, {}), own);
  assert.equal(findPython(work, { PYTHON: 'other' }), 'other');
});
