import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isLrdistError } from '../../../lib/errors.ts';
import type { ShiftOptions } from '../../../lib/forgetting/options.ts';
import { planShift, type ShiftPlan } from '../../../lib/forgetting/plan.ts';
import { seedWork } from '../../../lib/forgetting/sequence-work.ts';
import { sequenceOf } from '../../../lib/forgetting/shift-seed.ts';
import { flat } from '../../../lib/rates/distribution.ts';
import { findPreset, fromPreset } from '../../../lib/rates/presets.ts';
import type { Task } from '../../../lib/train/task.ts';

function task(name: string, rows: number): Task {
  const split = {
    inputIds: new Int32Array(rows),
    typeIds: new Uint8Array(rows),
    offsets: Int32Array.from({ length: rows + 1 }, (_, i) => i),
    labels: new Float32Array(rows),
  };
  return {
    name,
    labels: ['no', 'yes'],
    splits: { train: split, validation: split },
    score: () => ({}),
    mainMetric: 'accuracy',
    chance: 0.5,
  };
}

const fast = fromPreset(findPreset('fast-head')!, 2, 1e-4);
const base: ShiftOptions = {
  model: 'model',
  tasks: [task('a', 100), task('b', 30)],
  distributions: [fast, flat(2e-4)],
  training: { epochs: 2, batchSize: 10 },
};

function refused(options: Partial<ShiftOptions> & Record<string, unknown>): string {
  try {
    planShift({ ...base, ...options });
  } catch (error) {
    assert.ok(isLrdistError(error), String(error));
    assert.ok(error.code === 'ERR_INVALID_OPTION' || error.code === 'ERR_UNKNOWN_OPTION', error.code);
    return error.message;
  }
  throw new assert.AssertionError({ message: 'it was accepted' });
}

/** Rows trained on for one seed, replicas counted. */
const workOf = (plan: ShiftPlan): number => seedWork(sequenceOf(plan));

test('keep mode: one first model by the first flat distribution; work counts replicas in the second stage only', () => {
  const plan = planShift(base);
  assert.equal(plan.first.kind, 'rates');
  assert.equal(plan.first.kind === 'rates' && plan.first.rates.name, 'flat@2e-4');
  assert.equal(plan.second.steps, 6);
  assert.equal(workOf(plan), 200 + 120);
});

test('without a flat distribution the first stage is flat at 5e-5; firstTraining overrides training', () => {
  const plan = planShift({ ...base, distributions: [fast], firstTraining: { epochs: 3 } });
  assert.equal(plan.first.kind === 'rates' && plan.first.rates.name, 'flat@5e-5');
  assert.equal(workOf(plan), 300 + 60);
});

test('paper mode: every distribution has a first stage of its own; a given model has none', () => {
  assert.equal(workOf(planShift({ ...base, mode: 'paper' })), 400 + 120);
  const given = planShift({ ...base, firstModel: 'folder' });
  assert.deepEqual(given.first, { kind: 'model', path: 'folder' });
  assert.equal(workOf(given), 120);
});

test('what makes no sense is refused', () => {
  assert.match(refused({ tasks: [base.tasks[0], base.tasks[0]] }), /both are "a"/);
  assert.match(refused({ distributions: [flat(1e-4), flat(1e-4)] }), /two distributions are named "flat@1e-4"/);
  assert.match(refused({ distributions: [] }), /at least one distribution/);
  assert.match(refused({ seeds: [1, 2, 1] }), /named twice/);
  assert.match(refused({ seeds: [-1] }), /seeds/);
  assert.match(refused({ mode: 'paper', firstRates: flat(1e-4) }), /paper mode/);
  assert.match(refused({ mode: 'paper', firstModel: 'folder' }), /paper mode/);
  assert.match(refused({ firstModel: 'folder', firstRates: flat(1e-4) }), /firstRates would do nothing/);
  assert.match(refused({ moments: 'keep' }), /keep mode/);
  assert.match(refused({ seed: 3 }), /no option "seed"/);
  assert.match(refused({ split: 'test' }), /no split "test"/);
  const blind = { ...base.tasks[1].splits['validation']!, labels: new Float32Array(30).fill(NaN) };
  const second = { ...base.tasks[1], splits: { ...base.tasks[1].splits, test: blind } };
  const first = { ...base.tasks[0], splits: { ...base.tasks[0].splits, test: base.tasks[0].splits['validation']! } };
  assert.match(refused({ tasks: [first, second], split: 'test' }), /no labels/);
});
