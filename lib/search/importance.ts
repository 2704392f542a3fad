import { z } from 'zod';
import { LrdistError } from '../errors.ts';
import { parameterDensity } from './importance-density.ts';
import { toLosses } from './pareto.ts';
import { ranking } from './pruners/ranking.ts';
import type { Direction, Parameter, Space } from './space.ts';
import type { Trial } from './trial.ts';

export interface ImportanceOptions {
  /** The good trials: this share of all. Default 0.1. */
  readonly target?: number;
  /** Compared with this share. Default 1: all complete trials. */
  readonly region?: number;
}

export interface Importance {
  readonly name: string;
  /** 0 to 1; over all dimensions 1, or 0 each where nothing can be said. */
  readonly importance: number;
}

const schema = z
  .object({ target: z.number().gt(0).max(1).default(0.1), region: z.number().gt(0).max(1).default(1) })
  .refine(({ target, region }) => target < region, { path: ['target'], message: 'expected less than region' });

/**
 * How much each dimension matters for being among the good trials: PED-ANOVA (Watanabe et al. 2023, arXiv 2304.10255), the Pearson divergence of the good trials' values from all trials' values. It
 * speaks of the trials that there are: with few of them, or where a sampler looked at one place only, of little. With several objectives the good are the first by fronts.
 *
 * @returns the dimensions, the most important first
 * @throws LrdistError ERR_INVALID_OPTION
 */
export function parameterImportance(
  trials: readonly Pick<Trial, 'state' | 'values' | 'parameters'>[],
  space: Space,
  directions: readonly Direction[],
  options: ImportanceOptions = {},
): readonly Importance[] {
  const parsed = schema.safeParse(options);
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0]!;
    throw new LrdistError('ERR_INVALID_OPTION', `${path.join('.')}: ${message}`);
  }
  const complete = trials.filter(({ state, values }) => state === 'complete' && values !== null);
  const losses = complete.map(({ values }) => toLosses(values!, directions));
  const chosen = (share: number) => bestShare(losses, share).map((i) => complete[i]!.parameters);
  const [target, region] = [chosen(parsed.data.target), chosen(parsed.data.region)];
  const divergences = Object.entries(space).map(([name, parameter]) => {
    const valuesOf = (points: typeof target) => points.map((point) => point[name]!);
    const says = target.length > 0 && complete.length > 1 && !isSingle(parameter);
    return { name, divergence: says ? divergence(parameter, valuesOf(target), valuesOf(region)) : 0 };
  });
  const sum = divergences.reduce((total, each) => total + each.divergence, 0);
  return divergences
    .map((each) => ({ name: each.name, importance: sum > 0 ? each.divergence / sum : 0 }))
    .sort((a, b) => b.importance - a.importance);
}

/** Indices of the best share, and with one objective of all that are equal to the last of them. */
function bestShare(losses: readonly (readonly number[])[], share: number): readonly number[] {
  const count = Math.ceil(share * losses.length);
  const order = ranking(losses, 'crowding');
  if (losses[0]?.length !== 1) return order.slice(0, count);
  const last = losses[order[count - 1]!]![0]!;
  return order.filter((i) => losses[i]![0]! <= last);
}

function isSingle(parameter: Parameter): boolean {
  return parameter.kind === 'categorical' ? parameter.choices.length === 1 : parameter.low === parameter.high;
}

function divergence(parameter: Parameter, target: Trial['parameters'][string][], region: typeof target): number {
  const [good, all] = [parameterDensity(parameter, target), parameterDensity(parameter, region)];
  return all.reduce((sum, p, i) => sum + p * (good[i]! / p - 1) ** 2, 0);
}
