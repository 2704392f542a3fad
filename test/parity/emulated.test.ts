// The engine for GPUs, its kernels run by the emulator, against transformers and against itself: the parity tests on that device, in processes of their own.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { testDevice } from '../helpers/device.ts';

const skip = testDevice === 'cpu' ? false : `the tests run on ${testDevice} already`;

/** How many tests passed; throws what the run printed if one failed. */
function passed(files: readonly string[], pattern?: string, device = 'emulated'): Promise<number> {
  const env: NodeJS.ProcessEnv = { ...process.env, LRDIST_TEST_DEVICE: device };
  delete env['NODE_TEST_CONTEXT']; // a runner inside a runner would run nothing
  const places = files.map((name) => fileURLToPath(new URL(`${name}.test.ts`, import.meta.url)));
  const only = pattern === undefined ? [] : [`--test-name-pattern=${pattern}`];
  const words = ['--test', '--test-reporter=tap', ...only, ...places];
  return new Promise((resolve, reject) => {
    execFile(process.execPath, words, { env, maxBuffer: 1 << 26 }, (error, out) =>
      error === null ? resolve(Number(/^# pass (\d+)$/m.exec(out)?.[1])) : reject(new Error(failures(out))),
    );
  });
}

function failures(out: string): string {
  const blocks = out.split(/^(?= *(?:not )?ok \d)/m).filter((block) => /^ *not ok/.test(block));
  return blocks.length > 0 ? blocks.join('\n') : out.slice(-2000);
}

test('forward and backward passes, losses and training are those of transformers', { skip }, async () => {
  assert.ok((await passed(['forward', 'gradients', 'training', 'distillation', 'bf16', 'invariance'])) > 50);
});

test('penalties, transforms, Fisher information, replicas and slots', { skip }, async () => {
  assert.ok((await passed(['penalties', 'transforms', 'trajectories', 'measures', 'replicas', 'slots'])) > 50);
});

test('frozen layers, kept states and dropout by replica', { skip }, async () => {
  assert.ok((await passed(['prefix'], 'side by side|states behind|frozenDropout')) >= 4);
});

const devices = (count: number): string => Array.from({ length: count }, () => 'emulated').join(',');

test('training on two devices is that of transformers', { skip }, async () => {
  assert.ok((await passed(['training', 'distillation'], undefined, devices(2))) >= 18);
});

test('training on more devices than most batches have rows is that of transformers', { skip }, async () => {
  assert.ok((await passed(['training'], undefined, devices(5))) >= 9);
});

test('gradients, penalties and measures on two devices', { skip }, async () => {
  assert.ok((await passed(['gradients', 'penalties', 'measures', 'bf16'], undefined, devices(2))) >= 36);
});
