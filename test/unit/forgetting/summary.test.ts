import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RunRecord, TaskMetric } from '../../../lib/report/shift-record.ts';
import { pairScores } from '../../../lib/forgetting/scores.ts';
import { notesOn, summarize } from '../../../lib/forgetting/summary.ts';

const metrics = [
  { task: 'a', metric: 'accuracy', chance: 0.5 },
  { task: 'b', metric: 'accuracy', chance: 0.2 },
] as const satisfies [TaskMetric, TaskMetric];

function run(distribution: string, seed: number, before: number, p_s: number, p_o: number): RunRecord {
  const state = Number.isNaN(p_o) ? 'not_finite' : 'complete';
  return { distribution, seed, state, ...pairScores(metrics, before, p_s, p_o), final_losses: [null, null] };
}

test('differences are paired by seed, not by order', () => {
  const runs = [
    run('x', 1, 0.9, 0.8, 0.7),
    run('y', 1, 0.9, 0.7, 0.8),
    run('y', 2, 0.95, 0.5, 0.9),
    run('x', 2, 0.95, 0.6, 0.6),
  ];
  const [x, y] = summarize(['x', 'y'], [1, 2], runs);
  assert.equal(x!.difference, undefined);
  assert.ok(Math.abs(y!.difference!.p_o.mean - 0.2) < 1e-12);
  assert.ok(Math.abs(y!.difference!.before.mean) < 1e-12);
  assert.ok(Math.abs(x!.scores.forgetting.mean - 0.275) < 1e-12);
});

test('a distribution that diverged under one seed keeps its other seeds, and a note says so', () => {
  const runs = [
    run('x', 1, 0.9, 0.8, 0.7),
    run('y', 1, NaN, NaN, NaN),
    run('x', 2, 0.9, 0.8, 0.7),
    run('y', 2, 0.9, 0.8, 0.75),
  ];
  const summary = summarize(['x', 'y'], [1, 2], runs);
  assert.equal(summary[1]!.scores.p_o.n, 1);
  assert.equal(summary[1]!.difference!.p_o.n, 1);
  assert.match(notesOn(metrics, summary, runs, 2).join(), /y: the loss stopped being finite with 1 of 2 seeds/);
});

test('notes warn where a task was hardly learned, and where there is one seed', () => {
  const runs = [run('x', 1, 0.51, 0.8, 0.5), run('y', 1, 0.9, 0.21, 0.9)];
  const notes = notesOn(metrics, summarize(['x', 'y'], [1], runs), runs, 1);
  assert.equal(notes.length, 3);
  assert.match(notes[0]!, /a was hardly learned in the first stage \(x\)/);
  assert.match(notes[1]!, /b was hardly learned \(y\)/);
  assert.match(notes[2]!, /One seed/);
  const good = [run('x', 1, 0.9, 0.8, 0.7), run('x', 2, 0.9, 0.8, 0.7)];
  assert.deepEqual(notesOn(metrics, summarize(['x'], [1, 2], good), good, 2), []);
});
