import { LrdistError } from '../errors.ts';
import { depthCount, depthGroups, innerLayers, requireLayers } from './depth.ts';
import type { RateDistribution, Rates } from './distribution.ts';

/**
 * The distribution for a model with another number of layers. Only groups by depth can be mapped. The number of groups stays where the
 * model has layers enough, and then every group keeps its rate and takes the layers of its share of the depth. In a shallower model each
 * layer is a group, and its rate is the geometric mean of the layers it covers, weighted by overlap. A constant stays constant, and
 * the same number of layers gives the same distribution.
 *
 * @throws LrdistError ERR_INVALID_OPTION if the groups are not by depth
 */
export function forLayers(distribution: RateDistribution, layers: number): RateDistribution {
  if (distribution.layers === layers) return distribution;
  requireLayers(layers);
  const n = depthCount(distribution.groups, distribution.layers);
  if (n === undefined) {
    throw new LrdistError(
      'ERR_INVALID_OPTION',
      `the distribution "${distribution.name}" is for models of ${distribution.layers} layers, this one has ${layers}, and its groups are not by depth, so they cannot be mapped`,
      {
        remedy: `Write its groups for ${layers} layers, or use groups by depth (lrdist rates convert writes them).`,
      },
    );
  }
  const count = Math.min(n, layers + 2);
  const groups = depthGroups(layers, count);
  const names = distribution.groups.map((group) => group.name);
  const convert = (rates: Rates): Rates => {
    const before = names.map((name) => rates[name]!);
    const after = count === n ? before : shallower(before, distribution.layers, layers);
    return Object.fromEntries(groups.map((group, i) => [group.name, after[i]!]));
  };
  return {
    ...distribution,
    layers,
    groups,
    stages: distribution.stages.map(convert),
    ...(distribution.phases === undefined
      ? {}
      : { phases: distribution.phases.map(({ from, factors }) => ({ from, factors: convert(factors) })) }),
    provenance:
      n <= 2
        ? distribution.provenance
        : { ...distribution.provenance, mapped_from: { layers: distribution.layers, groups: n } },
  };
}

/** Rates of embeddings, each of `layers` layers, heads, from rates of embeddings, groups of `from` layers, heads. */
function shallower(rates: readonly number[], from: number, layers: number): number[] {
  const perLayer = innerLayers(from, rates.length - 2).flatMap(({ first, last }, i) =>
    new Array<number>(last - first + 1).fill(rates[i + 1]!),
  );
  const inner = Array.from({ length: layers }, (_, layer) =>
    coveredMean(perLayer, (layer * from) / layers, ((layer + 1) * from) / layers),
  );
  return [rates[0]!, ...inner, rates.at(-1)!];
}

/** Geometric mean of `values` over the stretch [start, end), value i lying on [i, i + 1). A frozen part freezes the whole. */
function coveredMean(values: readonly number[], start: number, end: number): number {
  const covered: { value: number; weight: number }[] = [];
  for (let i = Math.floor(start); i < Math.min(Math.ceil(end), values.length); i++) {
    const weight = Math.min(i + 1, end) - Math.max(i, start);
    if (weight > 1e-9) covered.push({ value: values[i]!, weight });
  }
  const first = covered[0]!.value;
  // exp(log(x)) is not x to the last bit, and a constant has to stay one.
  if (covered.every(({ value }) => value === first)) return first;
  let sum = 0;
  let total = 0;
  for (const { value, weight } of covered) {
    sum += weight * Math.log(value);
    total += weight;
  }
  return Math.exp(sum / total);
}
