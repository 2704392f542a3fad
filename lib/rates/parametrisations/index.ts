import { LrdistError, nearest } from '../../errors.ts';
import { tensorNames } from '../cover.ts';
import type { RateDistribution } from '../distribution.ts';
import { assign, type GroupSpec } from '../groups.ts';
import { boundedRates } from './bounded.ts';
import { flatRates } from './flat.ts';
import { freeRates } from './free.ts';
import { geometricRates } from './geometric.ts';
import { knotRates } from './knots.ts';
import { multiplierRates } from './multipliers.ts';
import { orderedRates } from './ordered.ts';
import type { Encoded, Layout, Parametrisation } from './parametrisation.ts';
import { polynomialRates } from './polynomial.ts';

interface Kind {
  /** How it is written. */
  readonly form: string;
  readonly description: string;
  readonly argument: RegExp;
  readonly create: (layout: Layout, argument: string) => Parametrisation;
}

/** The parametrisations by name. */
export const parametrisations: Readonly<Record<string, Kind>> = {
  flat: { form: 'flat', description: 'one rate', argument: /^$/, create: flatRates },
  free: { form: 'free', description: 'a rate for every group', argument: /^$/, create: freeRates },
  geometric: {
    form: 'geometric',
    description: 'a rate for the heads and a decay for each layer below',
    argument: /^$/,
    create: geometricRates,
  },
  polynomial: {
    form: 'polynomial:DEGREE',
    description: 'a polynomial of the depth, in logarithms',
    argument: /^\d{1,2}$/,
    create: (layout, degree) => polynomialRates(layout, Number(degree)),
  },
  knots: {
    form: 'knots:COUNT',
    description: 'rates at a few depths, straight lines between their logarithms',
    argument: /^\d{1,3}$/,
    create: (layout, count) => knotRates(layout, Number(count)),
  },
  spline: {
    form: 'spline:COUNT',
    description: 'rates at a few depths, a shape-preserving cubic between their logarithms',
    argument: /^\d{1,3}$/,
    create: (layout, count) => knotRates(layout, Number(count), 'spline'),
  },
  multipliers: {
    form: 'multipliers',
    description: 'a base and a multiplier for every group',
    argument: /^$/,
    create: multiplierRates,
  },
  ordered: {
    form: 'ordered[:falling]',
    description: 'rates that never fall from the embeddings to the heads (falling: never rise)',
    argument: /^(falling)?$/,
    create: (layout, direction) => orderedRates(layout, direction === 'falling' ? 'falling' : 'rising'),
  },
  bounded: {
    form: 'bounded:RATIO',
    description: 'rates that change by at most this factor from group to group',
    argument: /^\d+(\.\d+)?$/,
    create: (layout, ratio) => boundedRates(layout, Number(ratio)),
  },
};

/**
 * A parametrisation by its text form, such as `geometric` or `knots:4`.
 *
 * @throws LrdistError ERR_INVALID_OPTION
 */
export function createParametrisation(text: string, layout: Layout): Parametrisation {
  const [name, ...rest] = text.split(':');
  const kind = Object.hasOwn(parametrisations, name!) ? parametrisations[name!] : undefined;
  const forms = Object.values(parametrisations)
    .map(({ form }) => form)
    .join(', ');
  if (kind === undefined) {
    const near = nearest(name!, Object.keys(parametrisations));
    throw new LrdistError(
      'ERR_INVALID_OPTION',
      `parametrisation: expected one of ${forms}, received "${text}"`,
      near === undefined ? {} : { remedy: `Did you mean ${near}?` },
    );
  }
  if (!kind.argument.test(rest.join(':')))
    throw new LrdistError('ERR_INVALID_OPTION', `parametrisation: expected ${kind.form}, received "${text}"`);
  return kind.create(layout, rest.join(':'));
}

/** Names and mean depths of groups, by the tensors of a BERT of `layers` layers. */
export function layoutOf(groups: readonly GroupSpec[], layers: number): Layout {
  const names = tensorNames(layers);
  const groupOf = assign(names, groups);
  const depthOf = (name: string): number => {
    const layer = /^bert\.encoder\.layer\.(\d+)\./.exec(name)?.[1];
    if (layer !== undefined) return Number(layer) + 1;
    return name.startsWith('bert.embeddings.') ? 0 : layers + 1;
  };
  const depths = groups.map((_, g) => {
    const members = names.filter((__, p) => groupOf[p] === g).map(depthOf);
    return members.reduce((sum, depth) => sum + depth, 0) / members.length;
  });
  return { names: groups.map(({ name }) => name), depths };
}

export interface DecodeOptions {
  readonly name: string;
  readonly layers: number;
  readonly groups: readonly GroupSpec[];
}

/** The distribution that a parametrisation's numbers stand for. */
export function decodeDistribution(
  parametrisation: Parametrisation,
  values: readonly number[],
  { name, layers, groups }: DecodeOptions,
): RateDistribution {
  const rates = parametrisation.decode(values);
  const named = Object.fromEntries(parametrisation.parameters.map((parameter, i) => [parameter.name, values[i]!]));
  return {
    name,
    layers,
    groups,
    stages: [Object.fromEntries(groups.map((group, g) => [group.name, rates[g]!]))],
    provenance: { parametrisation: parametrisation.name, parameters: named },
  };
}

/**
 * encode, where an error is not to pass unseen.
 *
 * @param tolerance largest root mean square of the natural logarithms
 * @throws LrdistError ERR_RATES_ENCODE
 */
export function encodeWithin(parametrisation: Parametrisation, rates: ArrayLike<number>, tolerance: number): Encoded {
  const encoded = parametrisation.encode(rates);
  if (encoded.error.rms <= tolerance) return encoded;
  throw new LrdistError(
    'ERR_RATES_ENCODE',
    `"${parametrisation.name}" comes no nearer to these rates than a factor of ${Math.exp(encoded.error.rms).toPrecision(3)} in the mean (${Math.exp(encoded.error.max).toPrecision(3)} at most)`,
    { remedy: 'Take a parametrisation with more numbers, such as more knots or free.' },
  );
}
