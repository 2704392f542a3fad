/** Replicas that train side by side, some of which end before the others. */
import { isLrdistError } from '../errors.ts';
import type { RateDistribution } from '../rates/distribution.ts';
import type { ScheduleOptions } from '../rates/schedule.ts';
import type { Model } from '../train/model.ts';
import type { Boundary, TrainOptions } from '../train/options.ts';
import type { Regularizer } from '../train/regularizers.ts';
import type { RunResume } from '../train/run.ts';

export interface Member {
  /** Whose it is, for the caller. */
  readonly index: number;
  readonly distribution: RateDistribution;
  /** Whole. */
  readonly epochs: number;
  readonly schedule: ScheduleOptions;
  readonly weightDecay: number;
  readonly regularizer: Regularizer;
}

export interface StagedRun {
  readonly model: Model;
  /** Replica k of the model trains member k. */
  readonly members: readonly Member[];
  /** What is the same for all. */
  readonly common: Omit<
    TrainOptions,
    'rates' | 'epochs' | 'maxSteps' | 'schedule' | 'weightDecay' | 'regularizers' | 'resume' | 'onPause'
  >;
  /** Epochs, ascending, after which the caller is asked who goes on. The last epoch of each member is one too. */
  readonly stops: readonly number[];
  readonly onStep?: (step: number, of: number, members: readonly Member[], losses: readonly number[]) => void;
}

export interface Stop {
  readonly epoch: number;
  /** Those that trained up to here, in the order of the model's replicas. */
  readonly members: readonly Member[];
  /** Whether each is finite still. */
  readonly finite: readonly boolean[];
}

/**
 * Trains until every member has reached its last epoch or was dropped. Those that go on have the bits that they would have had without the stop: the same rows and masks,
 * their moments, their own schedule.
 *
 * @param onStop says who goes on; members at their last epoch, or no longer finite, end in any case
 */
export async function runInStages(run: StagedRun, onStop: (stop: Stop) => Promise<readonly Member[]>): Promise<void> {
  const { model } = run;
  let members = run.members;
  let resume: RunResume | undefined;
  let epoch = 0;
  while (members.length > 0) {
    epoch = nextStop(run.stops, members, epoch);
    const boundary = await trainTo(run, members, epoch, resume);
    const finite = members.map((_, k) => boundary?.nonFinite[k] === -1);
    const going = new Set(await onStop({ epoch, members, finite }));
    const kept = members.flatMap((member, k) => (finite[k]! && member.epochs > epoch && going.has(member) ? [k] : []));
    if (kept.length === 0) return;
    if (kept.length < members.length) await model.setReplicas(kept);
    members = kept.map((k) => members[k]!);
    resume = resumeFrom(boundary!, kept);
  }
}

/** Epoch of the next stop after `epoch`: a rung, or the last epoch of one of the members. */
function nextStop(stops: readonly number[], members: readonly Member[], epoch: number): number {
  return Math.min(...[...stops, ...members.map(({ epochs }) => epochs)].filter((stop) => stop > epoch));
}

/** @returns where it is then; undefined if no member is finite any more */
async function trainTo(
  { model, common, onStep }: StagedRun,
  members: readonly Member[],
  epoch: number,
  resume: RunResume | undefined,
): Promise<Boundary | undefined> {
  let boundary: Boundary | undefined;
  await using run = model.train({
    ...common,
    loggingSteps: 0,
    rates: members.map(({ distribution }) => distribution),
    epochs: members.map(({ epochs }) => epochs),
    schedule: members.map(({ schedule }) => schedule),
    weightDecay: members.map(({ weightDecay }) => weightDecay),
    regularizers: members.map(({ regularizer }) => regularizer),
    ...(resume === undefined ? {} : { resume, moments: 'keep' as const }),
    onPause: async (at) => {
      if (!at.epochEnd || at.epoch < epoch) return;
      boundary = at;
      return 'stop';
    },
  });
  try {
    for await (const event of run) if (event.type === 'step') onStep?.(event.step, event.of, members, event.losses);
    await run.result;
  } catch (error) {
    if (isLrdistError(error) && error.code === 'ERR_LOSS_NOT_FINITE') return undefined;
    throw error;
  }
  return boundary;
}

function resumeFrom(boundary: Boundary, kept: readonly number[]): RunResume {
  const { step, losses, gradNorms, nonFinite, tokens, seconds } = boundary;
  const of = <T>(values: readonly T[]): T[] => kept.map((k) => values[k]!);
  return {
    step,
    losses: of(losses),
    gradNorms: of(gradNorms),
    nonFinite: of(nonFinite),
    tokens,
    seconds,
    // The model is where it stopped.
    restore: async () => undefined,
  };
}
