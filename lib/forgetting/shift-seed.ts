/** A task shift under one seed: a sequence of two tasks without penalties. */
import type { RunRecord } from '../report/shift-record.ts';
import type { SequenceRunRecord } from '../report/sequence-record.ts';
import type { ShiftEvent } from './events.ts';
import type { ShiftPlan } from './plan.ts';
import { pairScores } from './scores.ts';
import type { SequenceEvent } from './sequence-events.ts';
import { planSequence, type SequencePlan } from './sequence-plan.ts';

/** The same shift as a sequence. */
export function sequenceOf({ options, mode, seeds, split, moments }: ShiftPlan): SequencePlan {
  const { model, tasks, distributions, firstRates, firstModel, training, firstTraining, session, signal } = options;
  return planSequence({
    model,
    tasks,
    distributions,
    ...(firstRates && { firstRates }),
    ...(firstModel === undefined ? {} : { firstModel }),
    ...(training && { training }),
    ...(session && { session }),
    ...(signal && { signal }),
    mode,
    seeds,
    split,
    moments,
    zeroShot: false,
    stages: firstTraining === undefined ? [] : [firstTraining],
  });
}

export function shiftRun({ metrics }: ShiftPlan, run: SequenceRunRecord): RunRecord {
  const { combination: distribution, seed, state, R, final_losses } = run;
  const of = (i: number, j: number): number => (state === 'complete' ? R[i]![j]! : NaN);
  return {
    distribution,
    seed,
    state,
    ...pairScores(metrics, of(0, 0), of(1, 1), of(1, 0)),
    final_losses: [final_losses[0]!, final_losses[1]!],
  };
}

export function shiftEvent(event: SequenceEvent): ShiftEvent {
  const { seed, task } = event;
  const stage = event.stage as 1 | 2;
  switch (event.type) {
    case 'stage':
      return { type: 'stage', seed, stage, task, replicas: event.replicas, steps: event.steps };
    case 'step': {
      const { type, step, of, losses, tokensPerSecond, progress } = event;
      return { type, seed, stage, step, of, losses, tokensPerSecond, progress };
    }
    case 'scores':
      return { type: 'scores', seed, stage, task: event.scored, metric: event.metric, scores: event.scores };
    case 'not-finite':
      return { type: 'not-finite', seed, stage, distribution: event.combination, step: event.step };
    case 'fewer': {
      const { type, of, size, error } = event;
      return { type, seed, stage, task, of, size, ...(error === undefined ? {} : { error }) };
    }
  }
}
