/**
 * One job on several devices: the comparison with the CPU engine and the tests that are given, on two of them and on all. Says so where there is one GPU.
 *
 *   node scripts/gpu-check/several.ts --device cuda [--no-results] [TEST...]
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { gpus } from '../../lib/native/devices.ts';
import { loadNative } from '../../lib/native/load.ts';
import { severalLists } from './several-lists.ts';

const { values, positionals } = parseArgs({
  options: { device: { type: 'string', default: 'cuda' }, results: { type: 'boolean', default: true } },
  allowNegative: true,
  allowPositionals: true,
});
const lists = severalLists(values.device, gpus(loadNative().info()));
if (typeof lists === 'string') console.log(lists);
else for (const list of lists) check(list);

function check(list: string): void {
  const parity = join(import.meta.dirname, 'parity.ts');
  run([parity, '--device', list, ...(values.results ? [] : ['--no-results'])], {});
  if (positionals.length > 0) run(['--test', '--test-concurrency=2', ...positionals], { LRDIST_TEST_DEVICE: list });
}

function run(words: readonly string[], environment: Readonly<Record<string, string>>): void {
  const { status } = spawnSync(process.execPath, words, { stdio: 'inherit', env: { ...process.env, ...environment } });
  if (status === 0) return;
  console.error(`FAILED with ${status}: node ${words.slice(0, 4).join(' ')} ${JSON.stringify(environment)}`);
  process.exitCode = 1;
}
