// Sixteen distributions in one session are sixteen runs, bit for bit, on real tasks and a real model.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { SequenceOptions } from '../../../lib/forgetting/sequence-options.ts';
import { taskSequence } from '../../../lib/forgetting/sequence.ts';
import { flat } from '../../../lib/rates/distribution.ts';
import { findPreset, fromPreset } from '../../../lib/rates/presets.ts';
import { loadTask } from '../../../lib/train/load-task.ts';
import { dataFolder } from '../../helpers/data.ts';

const data = dataFolder();
const skip =
  process.env['LRDIST_TEST_FULL'] !== '1'
    ? 'takes minutes (npm run test:full)'
    : data === undefined && 'no real data (set LRDIST_DATA)';

test('QNLI, then SST-2, in keep mode: sixteen distributions side by side are sixteen runs', { skip }, async (t) => {
  const model = join(data!, 'models', 'bert-tiny-uncased-mlm');
  const load = (task: string): ReturnType<typeof loadTask> =>
    loadTask({ task, dataDir: join(data!, 'glue'), model, maxTrainSamples: 600, maxEvalSamples: 400 });
  const shapes = ['flat', 'fast-head', 'llrd-0.9', 'paper-combined'].map((name) => findPreset(name)!);
  const distributions = shapes.flatMap((shape) => [3e-3, 1e-3, 3e-4, 1e-4].map((base) => fromPreset(shape, 2, base)));
  const options = {
    model,
    tasks: [await load('qnli'), await load('sst2')],
    distributions,
    firstRates: flat(3e-4, 2),
    training: { epochs: 1, batchSize: 32, weightDecay: 0.01 },
    session: { threads: 1, matmul: 'mkl' },
  } satisfies SequenceOptions;
  const began = performance.now();
  const together = await taskSequence(options).result;
  const middle = performance.now();
  assert.equal(together.runs.length, 16);
  assert.equal(new Set(together.runs.map(({ final_losses }) => final_losses[1])).size, 16, 'each learns differently');
  for (const [k, distribution] of distributions.entries()) {
    const alone = await taskSequence({ ...options, distributions: [distribution] }).result;
    assert.deepEqual(alone.runs, [together.runs[k]], distribution.name);
  }
  const [one, sixteen] = [middle - began, performance.now() - middle].map((ms) => (ms / 1000).toFixed(1));
  t.diagnostic(`one session ${one} s, sixteen runs ${sixteen} s`);
});
