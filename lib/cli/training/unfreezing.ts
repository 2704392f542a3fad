import { LrdistError } from '../../errors.ts';
import type { RateDistribution } from '../../rates/distribution.ts';
import { unfreezeGradually } from '../../rates/unfreezing.ts';
import type { StepCounts } from '../../train/plan.ts';
import { optionText } from './inputs.ts';
import type { RawArguments } from './options.ts';

/** The distributions with the phases of --unfreeze, if it was given. */
export function unfreezing(
  args: RawArguments,
  distributions: readonly RateDistribution[],
  counts: Pick<StepCounts, 'total' | 'stepsPerEpoch'>,
): readonly RateDistribution[] {
  const text = optionText(args, 'unfreeze');
  if (text === undefined) return distributions;
  const steps = unfreezingSteps(text, counts.stepsPerEpoch);
  return distributions.map((distribution) => unfreezeGradually(distribution, steps / counts.total));
}

/** Steps between one layer and the next, not always whole. @throws ERR_INVALID_OPTION */
export function unfreezingSteps(text: string, stepsPerEpoch: number): number {
  const match = /^(\d+|\d*\.\d+)(epochs?)?$/.exec(text);
  const steps = Number(match?.[1]) * (match?.[2] === undefined ? 1 : stepsPerEpoch);
  if (steps >= 1) return steps;
  throw new LrdistError('ERR_INVALID_OPTION', `--unfreeze: expected at least one step, received "${text}"`, {
    remedy: 'Give steps (200) or epochs (0.2epochs) between one layer and the next.',
  });
}
