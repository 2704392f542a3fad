import assert from 'node:assert/strict';
import { test } from 'node:test';
import { metricOf, objectiveKind, objectiveOf, pairScores, scoreOf } from '../../../lib/forgetting/scores.ts';
import type { TaskMetric } from '../../../lib/report/shift-record.ts';
import type { Scores } from '../../../lib/train/model.ts';
import type { Task } from '../../../lib/train/task.ts';

const accuracy: TaskMetric = { task: 'a', metric: 'accuracy', chance: 0.5 };
const matthews: TaskMetric = { task: 'b', metric: 'matthews_correlation', chance: 0 };

function task(labels: Task['labels'], mainMetric: string): Task {
  const validation = {
    inputIds: new Int32Array(4),
    typeIds: new Uint8Array(4),
    offsets: Int32Array.of(0, 1, 2, 3, 4),
    labels: Float32Array.of(1, 1, 1, 0),
  };
  return { name: 'a', labels, mainMetric, splits: { validation }, score: () => ({}) };
}

function scores(metrics: Record<string, number>, predictions: number[], loss = 0.5): Scores {
  return { loss, metrics, main: NaN, predictions: Float32Array.from(predictions) };
}

test('same metric: the objective is the plain sum', () => {
  const pair = [accuracy, { ...accuracy, task: 'c' }] as const;
  assert.equal(objectiveKind(pair), 'sum');
  const got = pairScores(pair, 0.9, 0.8, 0.7);
  assert.ok(Math.abs(got.forgetting - 0.2) < 1e-12);
  assert.ok(Math.abs(got.objective - 1.5) < 1e-12);
});

test('different metrics: each score is put on the scale from guessing to perfect, with its own chance level', () => {
  assert.equal(objectiveKind([accuracy, matthews]), 'chance-normalised sum');
  // first task: accuracy 0.75 of chance 0.5 -> 0.5; second: Matthews 0.4 -> 0.4
  assert.ok(Math.abs(objectiveOf([accuracy, matthews], 0.75, 0.4) - 0.9) < 1e-12);
  assert.ok(Math.abs(objectiveOf([matthews, accuracy], 0.4, 0.75) - 0.9) < 1e-12);
});

test('a replica without scores has none in the pair either', () => {
  const got = pairScores([accuracy, matthews], NaN, NaN, NaN);
  for (const value of Object.values(got)) assert.ok(Number.isNaN(value));
});

test('paper mode scores every classification task by accuracy, with the commonest label as chance', () => {
  const cola = task(['no', 'yes'], 'matthews_correlation');
  assert.deepEqual(metricOf(cola, 'keep', 'validation'), { task: 'a', metric: 'matthews_correlation', chance: 0 });
  const paper = metricOf(cola, 'paper', 'validation');
  assert.deepEqual(paper, { task: 'a', metric: 'accuracy', chance: 0.75 });
  assert.equal(scoreOf(paper, cola, scores({ matthews_correlation: 0.1 }, [1, 1, 0, 1]), 'validation'), 0.5);
  assert.ok(
    Number.isNaN(scoreOf(paper, cola, scores({}, [1, 1, 1, 1], NaN), 'validation')),
    'no score from a model whose loss is not finite',
  );
  const regression = task(null, 'spearmanr');
  assert.equal(metricOf(regression, 'paper', 'validation').metric, 'spearmanr');
});
