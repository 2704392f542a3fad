import assert from 'node:assert/strict';
import { test } from 'node:test';
import { trainingArguments, type TrainingArgumentsInput } from '../../../lib/train/arguments.ts';
import { BestKeeper, type BestMemory } from '../../../lib/train/best.ts';

const keeper = (input: TrainingArgumentsInput = {}, replicas = 1, memory?: BestMemory): BestKeeper =>
  new BestKeeper(
    trainingArguments({
      eval_strategy: 'epoch',
      save_strategy: 'epoch',
      load_best_model_at_end: true,
      metric_for_best_model: 'accuracy',
      ...input,
    }),
    replicas,
    memory,
  );
const scores = (...values: number[]): { eval_accuracy: number }[] => values.map((eval_accuracy) => ({ eval_accuracy }));

test('the best of each replica, ties to the earlier', () => {
  const best = keeper({}, 2);
  assert.ok(best.tell(1, scores(0.5, 0.7)));
  best.saved(1, 'one');
  assert.ok(best.tell(2, scores(0.6, 0.7)));
  best.saved(2, 'two');
  assert.ok(!best.tell(3, scores(0.6, NaN)));
  best.saved(3, 'three');
  assert.deepEqual(best.best(0), { metric: 0.6, step: 2, folder: 'two' });
  assert.deepEqual(best.best(1), { metric: 0.7, step: 1, folder: 'one' });
  assert.deepEqual([...best.folders()].sort(), ['one', 'two']);
});

test('losses should fall', () => {
  const best = keeper({ metric_for_best_model: 'eval_loss' });
  best.tell(1, [{ eval_loss: 0.5 }]);
  assert.ok(!best.tell(2, [{ eval_loss: 0.6 }]));
  assert.ok(best.tell(3, [{ eval_loss: 0.4 }]));
  assert.equal(best.best(0)!.step, 3);
});

test('patience counts evaluations without a gain above the threshold', () => {
  const best = keeper({ early_stopping_patience: 2, early_stopping_threshold: 0.05 });
  const exhausted = [0.5, 0.52, 0.6, 0.61, 0.62].map((score, i) => {
    best.tell(i + 1, scores(score));
    return best.exhausted();
  });
  assert.deepEqual(exhausted, [false, false, false, false, true]);
  assert.equal(best.best(0)!.metric, 0.62, 'small gains still make a new best');
});

test('a replica out of patience keeps its best while others go on', () => {
  const best = keeper({ early_stopping_patience: 1 }, 2);
  best.tell(1, scores(0.5, 0.5));
  best.tell(2, scores(0.4, 0.6));
  assert.ok(!best.exhausted());
  best.tell(3, scores(0.9, 0.7));
  assert.equal(best.best(0)!.metric, 0.5);
  best.tell(4, scores(0.9, 0.7));
  assert.ok(best.exhausted());
});

test('what it remembers over an interruption', () => {
  const whole = keeper({ early_stopping_patience: 2 });
  const first = keeper({ early_stopping_patience: 2 });
  const values = [0.5, 0.4, 0.3];
  for (const [i, value] of values.entries()) whole.tell(i, scores(value));
  first.tell(0, scores(values[0]!));
  first.tell(1, scores(values[1]!));
  const second = keeper({ early_stopping_patience: 2 }, 1, JSON.parse(JSON.stringify(first.memory())) as BestMemory);
  second.tell(2, scores(values[2]!));
  assert.equal(second.exhausted(), whole.exhausted());
  assert.deepEqual(second.memory().waited, whole.memory().waited);
  assert.equal(second.best(0)!.metric, whole.best(0)!.metric);
});

test('a metric the task does not have is refused with the nearest', () => {
  assert.throws(() => keeper({ metric_for_best_model: 'acuracy' }).requireMetric(['eval_loss', 'eval_accuracy']), {
    code: 'ERR_INVALID_OPTION',
    remedy: 'Did you mean accuracy?',
  });
  keeper({}).requireMetric(['eval_loss', 'eval_accuracy']);
});
