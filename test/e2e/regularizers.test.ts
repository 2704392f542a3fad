import assert from 'node:assert/strict';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { isLrdistError } from '../../lib/errors.ts';
import { flat } from '../../lib/rates/distribution.ts';
import { openCheckpoint } from '../../lib/train/checkpoint.ts';
import { fineTune, type FineTuneOptions } from '../../lib/train/fine-tune.ts';
import type { Model } from '../../lib/train/model.ts';
import { openModel } from '../../lib/train/open.ts';
import type { Regularizer } from '../../lib/train/regularizers.ts';
import { temporaryFolder } from '../helpers/temporary.ts';
import { writeTinyBert } from '../helpers/tiny-bert.ts';
import { tinyTask } from '../helpers/tiny-task.ts';

const work = temporaryFolder();
const path = join(work, 'model');
const task = tinyTask();
const other = tinyTask({ name: 'other', seed: 23 });
const open = (replicas = 1): Promise<Model> => openModel({ path, tasks: [task, other], threads: 1, replicas });
const weights = async (model: Model): Promise<unknown[]> => {
  const all: unknown[] = [];
  for (let replica = 0; replica < model.replicas; replica++)
    for (const parameter of model.parameters.keys())
      all.push(await model.session.read({ buffer: 'weights', parameter, replica }));
  return all;
};
const l2sp: Regularizer = { kind: 'l2-sp', anchor: 'start', strength: 3, headStrength: 0.1 };
const mixout: Regularizer = { kind: 'mixout', anchor: 'start', probability: 0.5 };
const beside = [{ rows: 'own' as const, weight: 1, sources: [{ task: other, rows: Int32Array.of(1, 5, 7, 9, 12) }] }];

before(() => writeTinyBert(path));

test('a run with pulls, transforms and rows beside it goes on from a checkpoint bit for bit', async () => {
  const options: Omit<FineTuneOptions, 'outputDir'> = {
    task,
    rates: flat(1e-2, 2),
    args: { num_train_epochs: 3, save_steps: 7, logging_strategy: 'no' },
    regularizers: [l2sp, mixout],
    beside,
    mix: [{ task: other }],
  };
  await using whole = await open(2);
  const outputDir = join(work, 'run');
  const { run } = await fineTune(whole, { ...options, outputDir }).result;
  assert.equal(run.steps, 30, 'epochs are passes over the rows of both tasks');
  const checkpoint = await openCheckpoint(join(outputDir, 'checkpoint-7'));
  await using later = await open(2);
  const rest = await fineTune(later, { ...options, resume: checkpoint }).result;
  assert.deepEqual(rest.run.losses, run.losses);
  assert.deepEqual(await weights(later), await weights(whole));

  const changes: Partial<FineTuneOptions>[] = [
    { regularizers: [{ ...l2sp, strength: 4 }, mixout] },
    { beside: [{ ...beside[0]!, weight: 2 }] },
    { mix: [] },
  ];
  for (const change of changes) {
    await using model = await open(2);
    assert.throws(
      () => fineTune(model, { ...options, ...change, resume: checkpoint }),
      (error) => isLrdistError(error) && error.code === 'ERR_PROTOCOL_MISMATCH',
    );
  }
});

test('the anchor is what the run starts from, and is given up at its end', async () => {
  await using model = await open();
  const options = { task, rates: flat(1e-2, 2), epochs: 2, clipNorm: 0 };
  await model.train(options).result;
  const start = await model.session.snapshot('weights');
  const slots = model.session.memory().slots;
  await model.train({ ...options, regularizers: { ...l2sp, strength: 1e6, headStrength: 0 } }).result;
  assert.equal(model.session.memory().slots, slots);
  const compared = await model.session.compare({ buffer: 'weights' }, { buffer: 'slot', slot: start });
  const drift = (p: number): number => Math.sqrt(compared[4 * p + 3]! / compared[4 * p + 2]!);
  const body = model.parameters.findIndex(({ name }) => name === 'bert.encoder.layer.0.output.dense.weight');
  const head = model.parameters.findIndex(({ name }) => name === `classifier.${task.name}.weight`);
  assert.ok(drift(body) < 0.1 && drift(head) > drift(body), `${drift(body)} ${drift(head)}`);
});

test('RecAdam anneals from the start of the run, whatever was trained before, and goes on so after a pause', async () => {
  const after = async (steps: number, pauseAt: readonly number[] = []): Promise<unknown[]> => {
    await using model = await open();
    model.steps = steps;
    const recadam: Regularizer = { kind: 'recadam', anchor: 'start', strength: 50, slope: 1, midpoint: 4 };
    await model.train({ task, rates: flat(1e-2, 2), epochs: 2, dropout: false, regularizers: recadam, pauseAt }).result;
    return await weights(model);
  };
  assert.deepEqual(await after(500), await after(0));
  assert.deepEqual(await after(0, [3]), await after(0));
});

test('distillation with the model’s own answers and a heavy weight keeps them', async () => {
  await using model = await open();
  const rates = flat(1e-2, 2);
  await model.train({ task: other, rates, epochs: 4 }).result;
  const rows = task.splits['train']!;
  const [answers] = await model.predict(rows, { head: 'other' });
  const drift = async (weight: number): Promise<number> => {
    const start = await model.session.snapshot('all');
    const side = { rows: 'same' as const, weight, sources: [{ head: 'other', dataset: rows, targets: answers! }] };
    await model.train({ task, rates, epochs: 3, beside: [side] }).result;
    const [now] = await model.predict(rows, { head: 'other' });
    await model.session.restore(start);
    model.session.release(start);
    return now!.reduce((sum, value, i) => sum + Math.abs(value - answers![i]!), 0) / now!.length;
  };
  const [free, held] = [await drift(0), await drift(100)];
  assert.ok(held < free / 2, `${held} is not far below ${free}`);
});

test('what cannot be is refused', async () => {
  await using model = await open();
  const refused = (more: object, message: RegExp): void =>
    assert.throws(
      () => model.train({ task, rates: flat(1e-3, 2), ...more }),
      (error) => isLrdistError(error) && error.code === 'ERR_INVALID_OPTION' && message.test(error.message),
    );
  refused({ regularizers: [l2sp, l2sp] }, /one for each of the 1 replicas, received 2/);
  refused(
    { beside: [{ rows: 'some', weight: 1, sources: [{ task: other }] }] },
    /beside\[0\]: rows: expected "own" or "same"/,
  );
  refused(
    { beside: [{ rows: 'own', weight: -1, sources: [{ task: other }] }] },
    /weight: expected a number of 0 or more/,
  );
  refused({ beside: [{ rows: 'own', weight: 1, sources: [] }] }, /at least one/);
  refused({ beside: [{ rows: 'same', weight: 1, sources: [{ task: other }] }] }, /the run's own dataset/);
  refused(
    { beside: [{ rows: 'own', weight: 1, sources: [{ task: other, rows: Int32Array.of(99) }] }] },
    /there is no row 99/,
  );
  refused(
    {
      beside: [
        {
          rows: 'same',
          weight: 1,
          sources: [{ head: 'other', dataset: task.splits['train']!, targets: new Float32Array(3) }],
        },
      ],
    },
    /expected 80 logits/,
  );
  refused({ loss: 'distillation' }, /loss/);
});
