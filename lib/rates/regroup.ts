import { LrdistError } from '../errors.ts';
import { forLayers } from './convert.ts';
import { cover, tensorNames } from './cover.ts';
import { requireLayers } from './depth.ts';
import type { RateDistribution, Rates } from './distribution.ts';
import { assign, type GroupSpec } from './groups.ts';
import { logError, type LogError } from './log-error.ts';

export interface Converted {
  readonly distribution: RateDistribution;
  /** From the rates of the original, tensor by tensor at the same relative depth, over all stages. */
  readonly error: LogError;
}

export interface ConvertOptions {
  /** Encoder layers of the new model. Default: the same. */
  readonly layers?: number;
  /** New groups, written for that many layers. Default: groups by depth as forLayers keeps them, else the same groups. */
  readonly groups?: readonly GroupSpec[];
}

/**
 * The distribution for another depth or in other groups, and what that cost. A new group's rate is the geometric mean of the rates of
 * what it covers, weighted by tensors; a constant stays constant, bit for bit.
 *
 * @throws LrdistError ERR_RATES_ENCODE if a new group covers frozen and learning parts, ERR_GROUP_EMPTY, ERR_PARAMETER_UNCLAIMED, ERR_INVALID_OPTION
 */
export function convert(
  distribution: RateDistribution,
  { layers = distribution.layers, groups }: ConvertOptions = {},
): Converted {
  requireLayers(layers);
  const converted = groups === undefined ? forLayers(distribution, layers) : regroup(distribution, layers, groups);
  return { distribution: converted, error: conversionError(distribution, converted) };
}

function regroup(distribution: RateDistribution, layers: number, groups: readonly GroupSpec[]): RateDistribution {
  const pieces = cover(distribution.layers, layers);
  const source = assign(tensorNames(distribution.layers), distribution.groups);
  const target = assign(tensorNames(layers), groups);
  // Parts of each new group: rate index in the old distribution and weight.
  const parts = groups.map((_, g) => pieces.filter(({ after }) => target[after] === g));
  const map = (values: Rates): Rates =>
    Object.fromEntries(
      groups.map(({ name }, g) => [
        name,
        mean(
          parts[g]!.map(({ before, weight }) => [values[distribution.groups[source[before]!]!.name]!, weight]),
          distribution,
          name,
        ),
      ]),
    );
  return {
    ...distribution,
    layers,
    groups,
    stages: distribution.stages.map(map),
    ...(distribution.phases === undefined
      ? {}
      : { phases: distribution.phases.map(({ from, factors }) => ({ from, factors: map(factors) })) }),
    provenance: {
      ...distribution.provenance,
      converted_from: { layers: distribution.layers, groups: distribution.groups.length },
    },
  };
}

function mean(
  parts: readonly (readonly [value: number, weight: number])[],
  { name }: RateDistribution,
  group: string,
): number {
  const [first] = parts[0]!;
  // exp(log(x)) is not x to the last bit, and a constant has to stay one.
  if (parts.every(([value]) => value === first)) return first;
  if (parts.some(([value]) => value === 0)) {
    throw new LrdistError(
      'ERR_RATES_ENCODE',
      `"${name}" cannot be written in these groups: the group "${group}" covers parts that are frozen and parts that learn`,
      {
        remedy: "Take finer groups (layer, or the distribution's own), so that no group holds both.",
      },
    );
  }
  let sum = 0;
  let total = 0;
  for (const [value, weight] of parts) {
    sum += weight * Math.log(value);
    total += weight;
  }
  return Math.exp(sum / total);
}

/** Distance of two distributions over the tensors of the later one's model. */
export function conversionError(before: RateDistribution, after: RateDistribution): LogError {
  const pieces = cover(before.layers, after.layers);
  const source = assign(tensorNames(before.layers), before.groups);
  const target = assign(tensorNames(after.layers), after.groups);
  const stages = Math.max(before.stages.length, after.stages.length);
  return logError(
    Array.from({ length: stages }, (_, stage) => {
      const old = before.stages[Math.min(stage, before.stages.length - 1)]!;
      const now = after.stages[Math.min(stage, after.stages.length - 1)]!;
      return pieces.map((piece) => ({
        before: old[before.groups[source[piece.before]!]!.name]!,
        after: now[after.groups[target[piece.after]!]!.name]!,
        weight: piece.weight,
      }));
    }).flat(),
  );
}
