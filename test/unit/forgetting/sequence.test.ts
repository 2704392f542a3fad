import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { withFrozenBody } from '../../../lib/forgetting/frozen.ts';
import { sequenceScores } from '../../../lib/forgetting/matrix.ts';
import { ordersOf } from '../../../lib/forgetting/orders.ts';
import { combinationsOf, passesOf } from '../../../lib/forgetting/passes.ts';
import { parsePenalties } from '../../../lib/forgetting/penalties.ts';
import { sequenceNotes, summarizeSequence } from '../../../lib/forgetting/sequence-summary.ts';
import { flat } from '../../../lib/rates/distribution.ts';
import { findPreset, fromPreset } from '../../../lib/rates/presets.ts';
import { buildPlan } from '../../../lib/rates/plan.ts';
import type { SequenceRunRecord } from '../../../lib/report/sequence-record.ts';
import { tinyParameters } from '../../helpers/tiny-bert.ts';

const metric = (task: string, chance = 0.5) => ({ task, metric: 'accuracy', chance });
const near = (actual: number | null | undefined, expected: number): void =>
  assert.ok(Math.abs(actual! - expected) < 1e-12, `${actual} is not ${expected}`);

test('pulls and transforms share a session; what changes the batches has one of its own', () => {
  const combinations = combinationsOf(
    [flat(1e-3), flat(1e-4)],
    parsePenalties('none,replay@8,ewc,frozen,lwf,none/joint'),
  );
  assert.deepEqual(combinations.map(({ name }) => name).slice(0, 4), [
    'flat@0.001',
    'flat@1e-4',
    'flat@0.001 + replay@8',
    'flat@1e-4 + replay@8',
  ]);
  assert.deepEqual(
    passesOf(combinations).map(({ name, members }) => [name, members]),
    [
      ['shared', [0, 1, 4, 5, 6, 7]],
      ['replay@8', [2, 3]],
      ['lwf', [8, 9]],
      ['none/joint', [10, 11]],
    ],
  );
  assert.deepEqual(
    passesOf(combinationsOf([flat(1)], parsePenalties('joint'))).map(({ name }) => name),
    ['joint'],
  );
});

test('two tasks: the names of a shift', () => {
  const scores = sequenceScores(
    [
      [0.9, null],
      [0.7, 0.8],
    ],
    { metrics: [metric('a'), metric('b', 0.6)] },
  );
  assert.deepEqual([scores.before, scores.p_s, scores.p_o], [0.9, 0.8, 0.7]);
  near(scores.objective, 1.5);
  near(scores.forgetting, 0.2);
  near(scores.BWT, -0.2);
  near(scores.ACC, 0.75);
  near(scores.normalised_ACC, ((0.7 - 0.5) / 0.5 + (0.8 - 0.6) / 0.4) / 2);
  assert.equal(scores.FWT, null);
  assert.equal(scores.intransigence, null);
});

test('three tasks: a lucky new head is no best score to fall from', () => {
  const R = [
    [0.8, 0.95, 0.5],
    [0.9, 0.7, 0.55],
    [0.6, 0.65, 0.75],
  ];
  const metrics = ['a', 'b', 'c'].map((task) => metric(task));
  const scores = sequenceScores(R, { metrics, untrained: [0.4, 0.5, 0.45], alone: [0.85, 0.8, 0.8] });
  near(scores.forgetting, (0.9 - 0.6 + (0.7 - 0.65)) / 2);
  near(scores.FWT, (0.95 - 0.5 + (0.55 - 0.45)) / 2);
  near(scores.intransigence, (0.05 + 0.1 + 0.05) / 3);
  assert.ok(!('before' in scores));
});

test('a constant score has no forgetting, whatever it is', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 6 }), fc.double({ min: 0, max: 1, noNaN: true }), (T, value) => {
      const R = Array.from({ length: T }, () => new Array<number>(T).fill(value));
      const scores = sequenceScores(R, { metrics: R.map((_, t) => metric(String(t))) });
      assert.equal(scores.forgetting, 0);
      near(scores.ACC, value);
    }),
  );
});

test('orders: the given one first, all different, the same for a seed', () => {
  assert.deepEqual(ordersOf('given', 3, 1), [[0, 1, 2]]);
  const all = ordersOf('all', 3, 1);
  assert.equal(new Set(all.map(String)).size, 6);
  assert.deepEqual(all[0], [0, 1, 2]);
  const some = ordersOf(4, 4, 5);
  assert.deepEqual(some, ordersOf(4, 4, 5));
  assert.notDeepEqual(some, ordersOf(4, 4, 6));
  assert.equal(new Set(some.map(String)).size, 4);
  assert.deepEqual(some[0], [0, 1, 2, 3]);
  assert.throws(() => ordersOf(7, 3, 1), { code: 'ERR_INVALID_OPTION' });
  assert.throws(() => ordersOf('all', 9, 1), { code: 'ERR_INVALID_OPTION' });
});

test('a frozen body leaves the heads their rates and nothing else', () => {
  const parameters = tinyParameters({ outputs: 2 }).map(({ name, shape }) => ({
    name: name.replace('classifier.', 'classifier.task.'),
    shape,
  }));
  const names = parameters.map(({ name }) => name);
  for (const distribution of [
    flat(1e-3, 2),
    fromPreset(findPreset('fast-head')!, 12, 1e-4),
    fromPreset(findPreset('lp-ft')!, 2, 1e-4),
  ]) {
    for (const step of [0, 8]) {
      const at = { step, total: 10 };
      const before = buildPlan(parameters, [distribution], { at });
      const after = buildPlan(parameters, [withFrozenBody(distribution, names)], { at });
      for (const [p, name] of names.entries()) {
        const rate = after.rates[after.groupOf[p]!];
        assert.equal(
          rate,
          name.startsWith('bert.') ? 0 : before.rates[before.groupOf[p]!],
          `${distribution.name} ${name}`,
        );
      }
    }
  }
});

const runRecord = (combination: string, seed: number, order: number, acc: number): SequenceRunRecord => ({
  combination,
  seed,
  order,
  state: Number.isNaN(acc) ? 'not_finite' : 'complete',
  R: [
    [0.5, null],
    [acc, 0.9],
  ],
  scores: { ACC: acc, FWT: null },
  final_losses: [null, null],
});

test('differences are paired by seed and order; what was not measured is left out', () => {
  const runs = [1, 2].flatMap((seed) =>
    [0, 1].flatMap((order) => [
      runRecord('a', seed, order, seed / 10 + order),
      runRecord('b', seed, order, seed / 10 + order + 0.25),
    ]),
  );
  const [first, second] = summarizeSequence(['a', 'b'], runs);
  assert.equal(first!.difference, undefined);
  assert.equal(first!.scores.ACC!.n, 4);
  const { mean, low, high } = second!.difference!.ACC!;
  for (const value of [mean, low!, high!]) near(value, 0.25);
  assert.ok(!('FWT' in first!.scores));
});

test('notes: what nobody learned, what diverged, one seed', () => {
  const metrics = [metric('a'), metric('b')];
  const notes = sequenceNotes(metrics, [[0, 1]], [runRecord('x', 1, 0, 0.5), runRecord('y', 1, 0, NaN)], 1);
  assert.match(notes.join('\n'), /^a was hardly learned by any/m);
  assert.doesNotMatch(notes.join('\n'), /^b was/m);
  assert.match(notes.join('\n'), /^y: the loss stopped being finite in 1 of 1 runs/m);
  assert.match(notes.join('\n'), /^One seed/m);
});
