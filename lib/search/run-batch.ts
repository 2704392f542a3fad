import { isLrdistError, LrdistError } from '../errors.ts';
import { batchKey } from './batches.ts';
import { decide } from './decide.ts';
import type { SearchEvent } from './events.ts';
import type { BatchContext, Executor, Job, JobReport, JobResult } from './executor.ts';
import type { Heartbeat } from './heartbeat.ts';
import { toOutcome } from './outcome.ts';
import type { Claim, Outcome } from './storage/storage.ts';
import type { Study } from './study.ts';
import type { Trial, TrialReport } from './trial.ts';

export interface BatchWork {
  readonly study: Study;
  readonly executor: Executor;
  readonly heartbeat: Heartbeat;
  /** The trials of one batch. */
  readonly claims: readonly Claim[];
  readonly signal: AbortSignal;
  /** Which trials outside the batch the pruner may see. */
  readonly visible: (trial: Trial) => boolean;
  readonly emit: (event: SearchEvent) => void;
}

/**
 * Runs the trials of a batch and records how they end. If another worker has taken one of them over, the batch is left quietly; if the signal is aborted, its trials are released and it rejects with the reason.
 */
export async function runBatch(work: BatchWork): Promise<void> {
  const { study, executor, heartbeat, claims, emit } = work;
  const batch = batchKey(claims[0]!.trial);
  const lost = new AbortController();
  const signal = AbortSignal.any([work.signal, lost.signal]);
  const jobs = claims.map(({ trial }) => ({
    trial: trial.number,
    attempt: trial.attempt,
    parameters: trial.parameters,
  }));
  const last = new Map(claims.map(({ trial }) => [trial.number, trial.reports.at(-1)]));
  heartbeat.add(claims, () => lost.abort(takenOver()));
  emit({ type: 'batch', batch, trials: jobs.map(({ trial }) => trial), attempts: jobs.map(({ attempt }) => attempt) });
  try {
    const results = await executor.run(jobs, contextOf(work, batch, signal, lost, last));
    await record(work, batch, results, last);
  } catch (error) {
    heartbeat.drop(claims);
    await release(study, claims);
    if (!lost.signal.aborted || work.signal.aborted) throw error;
    emit({ type: 'lost', batch, trials: jobs.map(({ trial }) => trial) });
  }
}

function contextOf(
  work: BatchWork,
  batch: string,
  signal: AbortSignal,
  lost: AbortController,
  last: Map<number, TrialReport | undefined>,
): BatchContext {
  const { study, claims, visible, emit } = work;
  const { maxStep } = study.stored;
  const rungs = study.pruner.rungs(maxStep);

  async function keep({ job, values, attributes }: JobReport, step: number): Promise<boolean> {
    const claim = claimOf(claims, job);
    if (!(await study.recordReport(claim, step, values))) return false;
    last.set(job.trial, { step, values });
    return attributes === undefined || study.storage.annotate(study.stored.id, claim, attributes);
  }

  async function report(step: number, reports: readonly JobReport[]): Promise<readonly Job[]> {
    signal.throwIfAborted();
    const held = await Promise.all(reports.map((each) => keep(each, step)));
    if (held.includes(false)) {
      lost.abort(takenOver());
      signal.throwIfAborted();
    }
    const goesOn = await choose(step, reports);
    for (const [i, { job, values }] of reports.entries())
      emit({ type: 'report', trial: job.trial, step, values, goesOn: goesOn[i]! });
    return reports.filter((_, i) => goesOn[i]).map(({ job }) => job);
  }

  async function choose(step: number, reports: readonly JobReport[]): Promise<readonly boolean[]> {
    if (reports.length === 0 || !rungs.includes(step)) return reports.map(() => true);
    const trials = await study.storage.trials(study.stored.id);
    const numbers = reports.map(({ job }) => job.trial);
    return decide({ pruner: study.pruner, stored: study.stored, trials }, numbers, step, visible);
  }

  return { signal, rungs, maxStep, report, progress: (event) => emit({ type: 'progress', batch, event }) };
}

async function record(
  { study, claims, heartbeat, emit }: BatchWork,
  batch: string,
  results: readonly JobResult[],
  last: ReadonlyMap<number, TrialReport | undefined>,
): Promise<void> {
  const lost: number[] = [];
  for (const claim of claims) {
    const { number } = claim.trial;
    const result = results.find(({ job }) => job.trial === number);
    // The others are held until it is their turn.
    heartbeat.drop([claim]);
    const outcome = await finish(study, claim, result, last.get(number));
    if (outcome === undefined) lost.push(number);
    else
      emit({
        type: 'finished',
        trial: number,
        state: outcome.state,
        values: outcome.values,
        error: outcome.error ?? null,
      });
  }
  if (lost.length > 0) emit({ type: 'lost', batch, trials: lost });
}

/** A result that cannot be recorded as it is makes a failed trial. @returns undefined if the claim is no longer held */
async function finish(
  study: Study,
  claim: Claim,
  result: JobResult | undefined,
  last: TrialReport | undefined,
): Promise<Outcome | undefined> {
  const { storage, stored } = study;
  try {
    const outcome = result === undefined ? failed('the objective gave no result') : toOutcome(result, stored, last);
    return (await storage.finish(stored.id, claim, outcome)) ? outcome : undefined;
  } catch (error) {
    if (!isLrdistError(error) || error.code !== 'ERR_INVALID_OPTION') throw error;
    const outcome = failed(error.message);
    return (await storage.finish(stored.id, claim, outcome)) ? outcome : undefined;
  }
}

function failed(error: string): Outcome {
  return { state: 'failed', values: null, error };
}

/** Leases run out by themselves where the storage cannot be reached. */
async function release(study: Study, claims: readonly Claim[]): Promise<void> {
  await study.storage.release(study.stored.id, claims).catch(() => undefined);
}

function claimOf(claims: readonly Claim[], job: Job): Claim {
  const claim = claims.find(({ trial }) => trial.number === job.trial);
  if (claim) return claim;
  throw new LrdistError('ERR_INVALID_OPTION', `report: trial ${job.trial} is not in this batch`);
}

function takenOver(): LrdistError {
  return new LrdistError('ERR_TRIAL_FINISHED', 'another worker has taken over trials of this batch');
}
