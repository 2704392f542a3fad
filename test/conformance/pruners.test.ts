import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { PruneRequest } from '../../lib/search/pruner.ts';
import { createPruner, prunerNames } from '../../lib/search/pruners/create.ts';
import type { Direction } from '../../lib/search/space.ts';
import type { Trial } from '../../lib/search/trial.ts';
import { trialOf } from '../unit/search/pruners/helpers.ts';

const direction = fc.constantFrom<Direction>('maximize', 'minimize');
const value = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 0, max: 5 }) },
  fc.constantFrom(NaN, Infinity, -Infinity),
);

/** A batch at a step, with other trials of the study, some complete. */
const request: fc.Arbitrary<PruneRequest> = fc
  .record({
    directions: fc.array(direction, { minLength: 1, maxLength: 2 }),
    step: fc.integer({ min: 1, max: 8 }),
    size: fc.integer({ min: 1, max: 6 }),
    others: fc.integer({ min: 0, max: 8 }),
  })
  .chain(({ directions, step, size, others }) => {
    const scores = fc.array(value, { minLength: directions.length, maxLength: directions.length });
    const curves = (count: number, length: number) =>
      fc.array(fc.array(scores, { minLength: length, maxLength: length }), { minLength: count, maxLength: count });
    return fc.record({ own: curves(size, step), other: curves(others, 9) }).map(({ own, other }) => {
      const rivals = other.map((curve, i) =>
        trialOf(i, curve, { state: curve.flat().every(Number.isFinite) ? 'complete' : 'failed', batch: 0 }),
      );
      const batch = own.map((curve, i) => trialOf(others + i, curve, { batch: 1 }));
      return { directions, step, maxStep: 9, batch, trials: [...rivals, ...batch] };
    });
  });

/** Strictly better in every objective; what is not finite beats nothing. */
function beats(a: Trial, b: Trial, { directions, step }: PruneRequest): boolean {
  const at = (trial: Trial) => trial.reports.find((report) => report.step === step)!.values;
  return (
    at(a).every(Number.isFinite) &&
    directions.every((way, i) => (way === 'maximize' ? at(a)[i]! > at(b)[i]! : at(a)[i]! < at(b)[i]!))
  );
}

for (const name of prunerNames)
  describe(`pruner ${name}`, () => {
    const pruner = createPruner(name);

    test('can be made again from its record', () => {
      assert.deepEqual(
        { ...createPruner(pruner.name, pruner.settings), decide: null, rungs: null },
        { ...pruner, decide: null, rungs: null },
      );
    });

    test('rungs are steps, ascending, below maxStep', () => {
      for (const maxStep of [1, 2, 3, 5, 9, 16, 100]) {
        const rungs = pruner.rungs(maxStep);
        assert.deepEqual(
          rungs,
          [...new Set(rungs)].sort((a, b) => a - b),
        );
        assert.ok(rungs.every((step) => Number.isInteger(step) && step >= 1 && step < maxStep));
      }
    });

    test('one decision for each trial, and all go on where no rung is', () => {
      fc.assert(
        fc.property(request, (given) => {
          const decided = pruner.decide(given);
          assert.equal(decided.length, given.batch.length);
          if (!pruner.rungs(given.maxStep).includes(given.step)) assert.ok(decided.every((goesOn) => goesOn));
        }),
      );
    });

    test('nothing is remembered, and the order of the batch does not matter', () => {
      fc.assert(
        fc.property(request, (given) => {
          const decided = pruner.decide(given);
          assert.deepEqual(pruner.decide(given), decided);
          const turned = { ...given, batch: [...given.batch].reverse() };
          assert.deepEqual([...pruner.decide(turned)].reverse(), decided);
        }),
      );
    });

    test('never all of a batch end, unless others of the study are as good as each of them', () => {
      fc.assert(
        fc.property(request, (given) => {
          if (pruner.decide(given).some((goesOn) => goesOn)) return;
          const others = given.trials.filter((trial) => !given.batch.includes(trial));
          assert.ok(given.batch.every((own) => others.some((other) => !beats(own, other, given))));
        }),
      );
    });

    // A median or a test over earlier steps may still speak for a trial that broke just now.
    if (name === 'median' || name === 'wilcoxon') return;
    test('what is not a number is worst: nobody ends in its stead', () => {
      fc.assert(
        fc.property(request, (given) => {
          const decided = pruner.decide(given);
          const broken = given.batch.map((trial) => !trial.reports.at(-1)!.values.every(Number.isFinite));
          const whole = given.batch.map((trial) => trial.reports.every(({ values }) => values.every(Number.isFinite)));
          const brokenGoesOn = decided.some((goesOn, i) => goesOn && broken[i]);
          const wholeEnds = decided.some((goesOn, i) => !goesOn && whole[i]);
          assert.ok(!(brokenGoesOn && wholeEnds));
        }),
      );
    });
  });
