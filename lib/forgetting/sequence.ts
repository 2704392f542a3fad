/** Sequences of tasks: learn them one after the other, and see what is left of each. */
import { toDocument } from '../rates/file.ts';
import { SEQUENCE_FORMAT, type SequenceRecord } from '../report/sequence-record.ts';
import { EventQueue } from '../train/events.ts';
import { rowsOf, splitOf } from '../train/task.ts';
import { versions } from './environment.ts';
import { headNotes } from './language-head.ts';
import { sequenceChannel, type SequenceEvent } from './sequence-events.ts';
import type { SequenceOptions } from './sequence-options.ts';
import { planSequence, type SequencePlan } from './sequence-plan.ts';
import { runSequenceSeed, type SequenceSeedResult } from './sequence-run.ts';
import { sequenceNotes, summarizeSequence } from './sequence-summary.ts';
import { seedWork } from './sequence-work.ts';
import type { Teller } from './stage-trainer.ts';

/** A sequence under way. Iterate for events (step events are merged when the reader is slower), or just await `result`. */
export interface SequenceRun extends AsyncIterable<SequenceEvent>, AsyncDisposable {
  readonly result: Promise<SequenceRecord>;
}

/**
 * Trains a model on tasks one after the other, once for every combination of a rate distribution and a penalty, and scores after each stage all tasks
 * learned so far. Combinations are replicas of one session, on the same batches with the same dropout masks; only those that change the batches
 * (replay, distillation, joint training) run after the others, on the same seeds. So differences are paired.
 *
 * An aborted signal, or disposing of the run, rejects `result` after the current step. A combination that diverges is reported as `not_finite`; only if all
 * do is it an error.
 *
 * @throws LrdistError at once: ERR_INVALID_OPTION, ERR_UNKNOWN_OPTION; `result` rejects with ERR_LOSS_NOT_FINITE and what openModel throws
 */
export function taskSequence(options: SequenceOptions): SequenceRun {
  planSequence(options);
  const stop = new AbortController();
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal]);
  const plan = planSequence({ ...options, signal });
  const queue = new EventQueue<SequenceEvent>(sequenceChannel);
  const result = runAll(plan, queue);
  result.then(
    () => queue.end(),
    (reason: unknown) => queue.end({ reason }),
  );
  return {
    result,
    [Symbol.asyncIterator]: () => queue.read(),
    async [Symbol.asyncDispose]() {
      stop.abort();
      await result.catch(() => undefined);
    },
  };
}

async function runAll(plan: SequencePlan, queue: EventQueue<SequenceEvent>): Promise<SequenceRecord> {
  plan.options.signal?.throwIfAborted();
  const started = new Date();
  const teller: Teller = {
    tell: (event) => queue.push(event),
    done: 0,
    total: plan.seeds.length * seedWork(plan),
  };
  const results: SequenceSeedResult[] = [];
  for (const seed of plan.seeds) results.push(await runSequenceSeed(plan, seed, teller));
  return recordOf(plan, results, started);
}

function recordOf(plan: SequencePlan, results: readonly SequenceSeedResult[], started: Date): SequenceRecord {
  const { options, combinations, metrics, orders, seeds, first, tasks } = plan;
  const { distributions } = options;
  const runs = results.flatMap((result) => result.runs);
  const stages = tasks.map((_, stage) => stage);
  return {
    format: SEQUENCE_FORMAT,
    created: started.toISOString(),
    versions: versions(),
    machine: results[0]!.machine,
    mode: plan.mode,
    ...(plan.habits === undefined ? {} : { protocol: { name: 'paper', habits: plan.habits } }),
    model: options.model,
    session: { ...options.session },
    tasks: tasks.map((task, t) => ({
      ...metrics[t]!,
      ...(task.dataset === undefined ? {} : { dataset: task.dataset }),
      train_rows: rowsOf(splitOf(task, 'train')),
      rows: rowsOf(splitOf(task, plan.split)),
    })),
    orders,
    heads: plan.sameHead ? 'same' : 'own',
    split: plan.split,
    first_stage:
      first.kind === 'rates'
        ? { rates: toDocument(first.rates) }
        : first.kind === 'model'
          ? { model: first.path }
          : 'distribution',
    distributions: distributions.map(toDocument),
    penalties: plan.penalties.map(({ name, stages: list }) => ({
      name,
      stages: list.map(({ kind, numbers }) => ({ kind: kind.name, numbers, source: kind.source })),
    })),
    fisher: plan.fisher,
    combinations: combinations.map(({ name, distribution, penalty }) => ({
      name,
      distribution: distribution.name,
      penalty: penalty.name,
    })),
    training: stages.map((stage) => (stage === 0 && first.kind === 'model' ? null : plan.trainingAt(stage))),
    moments: stages.map((stage) => plan.momentsAt(stage)),
    seeds,
    runs,
    ...(results.every(({ untrained }) => untrained === undefined)
      ? {}
      : { untrained: results.map(({ untrained }, i) => ({ seed: seeds[i]!, scores: untrained! })) }),
    ...(plan.reference
      ? {
          alone: results.flatMap(({ alone }, i) =>
            distributions.map(({ name }, d) => ({ seed: seeds[i]!, distribution: name, scores: alone![d]! })),
          ),
        }
      : {}),
    ...(plan.measures === undefined ? {} : { measured: results.flatMap(({ measured }) => measured) }),
    summary: summarizeSequence(
      combinations.map(({ name }) => name),
      runs,
    ),
    notes: [
      ...new Set([
        ...results.flatMap(({ notes }) => notes),
        ...headNotes(plan),
        ...sequenceNotes(metrics, orders, runs, seeds.length * orders.length),
      ]),
    ],
    train_tokens: results.reduce((sum, { tokens }) => sum + tokens, 0),
    seconds: (Date.now() - started.getTime()) / 1000,
  };
}
