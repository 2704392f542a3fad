import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decide } from '../../../../lib/search/decide.ts';
import { createPruner } from '../../../../lib/search/pruners/create.ts';
import type { StoredStudy } from '../../../../lib/search/storage/storage.ts';
import type { Trial } from '../../../../lib/search/trial.ts';
import { trialOf } from '../pruners/helpers.ts';

const stored = { directions: ['maximize'], maxStep: 9 } as unknown as StoredStudy;
const halving = createPruner('successive-halving', { reduction: 2 });

test('trials of the batch that ended in an earlier attempt still count', () => {
  const batch = (value: number, number: number, state: Trial['state'] = 'running') =>
    trialOf(number, [value], { state, batch: 3 });
  const trials = [batch(9, 0, 'complete'), batch(8, 1, 'failed'), batch(7, 2), batch(6, 3)];
  // The two best of the four are finished already; alone, trial 2 would go on.
  assert.deepEqual(decide({ pruner: halving, stored, trials }, [2, 3], 1), [false, false]);
  const ended = [batch(1, 0, 'pruned'), batch(2, 1, 'pruned'), batch(7, 2), batch(6, 3)];
  assert.deepEqual(decide({ pruner: halving, stored, trials: ended }, [2, 3], 1), [true, true]);
});

test('reports of an earlier attempt at later steps do not matter, nor do other batches', () => {
  const trials = [
    trialOf(0, [1, 9, 9], { batch: 0 }),
    trialOf(1, [2, 0, 0], { batch: 0 }),
    trialOf(2, [99], { batch: 1 }),
    trialOf(3, [], { batch: 0 }),
  ];
  assert.deepEqual(decide({ pruner: halving, stored, trials }, [0, 1], 1), [false, true]);
});

test('what the caller may not see is not shown to the pruner', () => {
  const asha = createPruner('asha', { reduction: 2 });
  const trials = [trialOf(0, [5], { batch: 0 }), trialOf(1, [9], { batch: 1 }), trialOf(2, [8], { batch: 1 })];
  assert.deepEqual(decide({ pruner: asha, stored, trials }, [0], 1), [false]);
  assert.deepEqual(
    decide({ pruner: asha, stored, trials }, [0], 1, ({ number }) => number !== 1 && number !== 2),
    [true],
  );
});

test('a report that was not finite stands among the attributes, and is the worst', () => {
  const broken = { ...trialOf(0, [], { batch: 0 }), attributes: { batch: 0, notFinite: [1] } };
  const trials = [broken, trialOf(1, [-5], { batch: 0 })];
  assert.deepEqual(decide({ pruner: halving, stored, trials }, [0, 1], 1), [false, true]);
});
