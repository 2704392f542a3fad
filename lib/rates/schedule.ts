import { LrdistError, nearest } from '../errors.ts';
import { curves, type CurveSettings } from './curves.ts';

/** Hugging Face's scheduler names that depend on the step alone, and `paper`, the schedule of arXiv 2404.01317's code. */
export type ScheduleName = keyof typeof curves;

export const scheduleNames = Object.keys(curves) as ScheduleName[];

/** Names and meanings as in Hugging Face's TrainingArguments. */
export interface ScheduleOptions {
  /** Default `linear`. */
  readonly lr_scheduler_type?: ScheduleName;
  /** Extra settings of the scheduler: `num_cycles`, `power`, `lr_end`, `timescale`, `min_lr`, `min_lr_rate`. */
  readonly lr_scheduler_kwargs?: Readonly<Record<string, number>>;
  /** Steps of linear warm-up; below 1, a share of all steps (rounded up). Default 0; for `paper` a tenth. */
  readonly warmup_steps?: number;
  /** Share of all steps, used if `warmup_steps` is 0 or absent. */
  readonly warmup_ratio?: number;
}

/** Factor of the learning rate for update number `step`, from 0. */
export type Schedule = (step: number) => number;

/**
 * The schedule as a function of the step.
 *
 * @param total optimizer steps of the whole stage
 * @param learningRate the rate that absolute settings (`lr_end`, `min_lr`) are measured against: see referenceRate
 * @throws LrdistError ERR_INVALID_OPTION
 */
export function schedule(options: ScheduleOptions, total: number, learningRate: number): Schedule {
  const name = options.lr_scheduler_type ?? 'linear';
  const curve = Object.hasOwn(curves, name) ? curves[name] : undefined;
  if (curve === undefined) throw unknownSchedule(name);
  const kwargs = options.lr_scheduler_kwargs ?? {};
  checkSettings(name, kwargs, curve.settings);
  const warmup = warmupSteps(options, total);
  return curve.make({ warmup, total, learningRate, kwargs });
}

/** Factors of all `total` steps: element s multiplies the rate of update number s, from 0. */
export function factors(options: ScheduleOptions, total: number, learningRate: number): Float64Array {
  const factor = schedule(options, total, learningRate);
  return Float64Array.from({ length: total }, (_, step) => factor(step));
}

/** Warm-up in whole steps. */
export function warmupSteps(options: ScheduleOptions, total: number): number {
  const standard = options.lr_scheduler_type === 'paper' ? 0.1 : 0;
  const steps = options.warmup_steps ?? 0;
  const share = options.warmup_ratio ?? (options.warmup_steps === undefined ? standard : 0);
  if (!Number.isFinite(steps) || steps < 0)
    throw new LrdistError('ERR_INVALID_OPTION', `warmup_steps: expected a number of 0 or more, received ${steps}`);
  if (!Number.isFinite(share) || share < 0 || share > 1)
    throw new LrdistError('ERR_INVALID_OPTION', `warmup_ratio: expected a number from 0 to 1, received ${share}`);
  if (steps >= 1) return Math.floor(steps);
  return Math.ceil(total * (steps > 0 ? steps : share));
}

function checkSettings(
  name: string,
  kwargs: Readonly<Record<string, number>>,
  allowed: readonly (keyof CurveSettings)[],
): void {
  for (const [key, value] of Object.entries(kwargs)) {
    if (!(allowed as readonly string[]).includes(key)) {
      const near = nearest(key, allowed);
      const known = allowed.length === 0 ? 'it takes none' : `it takes ${allowed.join(', ')}`;
      throw new LrdistError(
        'ERR_UNKNOWN_OPTION',
        `lr_scheduler_kwargs: the schedule "${name}" has no "${key}"; ${known}`,
        near === undefined ? {} : { remedy: `Did you mean ${near}?` },
      );
    }
    if (typeof value !== 'number' || !Number.isFinite(value)) {
      throw new LrdistError(
        'ERR_INVALID_OPTION',
        `lr_scheduler_kwargs: ${key}: expected a number, received ${String(value)}`,
      );
    }
  }
}

function unknownSchedule(name: string): LrdistError {
  if (name === 'reduce_lr_on_plateau' || name === 'greedy') {
    return new LrdistError(
      'ERR_INVALID_OPTION',
      `lr_scheduler_type: "${name}" follows the evaluation results; lrdist has only schedules that are functions of the step`,
      {
        remedy: `Take one of ${scheduleNames.join(', ')}.`,
      },
    );
  }
  const near = nearest(name, scheduleNames);
  return new LrdistError(
    'ERR_INVALID_OPTION',
    `lr_scheduler_type: expected one of ${scheduleNames.join(', ')}, received "${name}"`,
    near === undefined ? {} : { remedy: `Did you mean ${near}?` },
  );
}
