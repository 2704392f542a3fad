import { toDocument } from '../rates/file.ts';
import { rowsOf, splitOf } from '../train/task.ts';
import type { ShiftOptions } from './options.ts';
import { planShift, type ShiftPlan } from './plan.ts';
import { SHIFT_FORMAT, type ShiftRecord, type TaskRecord } from '../report/shift-record.ts';
import { versions } from './environment.ts';
import { objectiveKind } from './scores.ts';
import { runSequenceSeed, type SequenceSeedResult } from './sequence-run.ts';
import { seedWork } from './sequence-work.ts';
import { sequenceOf, shiftEvent, shiftRun } from './shift-seed.ts';
import type { Teller } from './stage-trainer.ts';
import { notesOn, summarize } from './summary.ts';

/**
 * Task shift (arXiv 2404.01317): learn a first task, then a second, with both heads kept, and score the first again. Several distributions are
 * trained side by side on the same batches with the same dropout masks, and repeated over seeds, so that differences are paired.
 *
 * An aborted signal rejects with its reason after the current step. A distribution that diverges is reported as `not_finite`; only if all do is it an error.
 *
 * @throws LrdistError ERR_INVALID_OPTION, ERR_UNKNOWN_OPTION, ERR_LOSS_NOT_FINITE, and what openModel throws
 */
export async function taskShift(options: ShiftOptions): Promise<ShiftRecord> {
  const plan = planShift(options);
  options.signal?.throwIfAborted();
  const started = new Date();
  const sequence = sequenceOf(plan);
  const results: SequenceSeedResult[] = [];
  const teller: Teller = {
    tell: (event) => options.onEvent?.(shiftEvent(event)),
    done: 0,
    total: plan.seeds.length * seedWork(sequence),
  };
  for (const seed of plan.seeds) results.push(await runSequenceSeed(sequence, seed, teller));
  return recordOf(plan, results, started);
}

function recordOf(plan: ShiftPlan, results: readonly SequenceSeedResult[], started: Date): ShiftRecord {
  const { options, seeds, metrics, first } = plan;
  const runs = results.flatMap((result) => result.runs.map((run) => shiftRun(plan, run)));
  const summary = summarize(
    options.distributions.map(({ name }) => name),
    seeds,
    runs,
  );
  return {
    format: SHIFT_FORMAT,
    created: started.toISOString(),
    versions: versions(),
    machine: results[0]!.machine,
    mode: plan.mode,
    model: options.model,
    session: { ...options.session },
    tasks: [taskRecord(plan, 0), taskRecord(plan, 1)],
    split: plan.split,
    objective: objectiveKind(metrics),
    first_stage:
      first.kind === 'rates'
        ? { rates: toDocument(first.rates) }
        : first.kind === 'model'
          ? { model: first.path }
          : 'distribution',
    distributions: options.distributions.map(toDocument),
    training: {
      first: first.kind === 'model' ? null : first.training,
      second: plan.second.training,
      moments: plan.moments,
    },
    seeds,
    runs,
    summary,
    notes: [
      ...new Set([...results.flatMap((result) => result.notes), ...notesOn(metrics, summary, runs, seeds.length)]),
    ],
    train_tokens: results.reduce((sum, { tokens }) => sum + tokens, 0),
    seconds: (Date.now() - started.getTime()) / 1000,
  };
}

function taskRecord({ options, metrics, split }: ShiftPlan, index: 0 | 1): TaskRecord {
  const task = options.tasks[index];
  return {
    ...metrics[index],
    ...(task.dataset === undefined ? {} : { dataset: task.dataset }),
    train_rows: rowsOf(splitOf(task, 'train')),
    rows: rowsOf(splitOf(task, split)),
  };
}
