import { z } from 'zod';
import { LrdistError, nearest } from '../errors.ts';
import type { Parameter, Parameters, ParameterValue, Space } from './space.ts';
import { isWithin } from './unit-cube.ts';

const log = z.boolean().optional();
const dimension = z
  .discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('float'), low: z.number(), high: z.number(), log }),
    z.strictObject({ kind: z.literal('int'), low: z.int(), high: z.int(), log }),
    z.strictObject({
      kind: z.literal('categorical'),
      choices: z.array(z.union([z.string(), z.number(), z.boolean()])).min(1, 'expected at least one choice'),
    }),
  ])
  .superRefine((parameter, context) => {
    const problem = problemOf(parameter as Parameter);
    if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
  });

const schema = z
  .record(z.string().min(1), dimension)
  .refine((space) => Object.keys(space).length > 0, 'expected at least one dimension');

/**
 * A space from outside, checked: bounds finite and in order, low > 0 on a logarithmic scale, choices all different.
 *
 * @throws LrdistError ERR_INVALID_OPTION, with every complaint
 */
export function checkSpace(space: unknown): Space {
  const parsed = schema.safeParse(space);
  if (parsed.success) return parsed.data as Space;
  const lines = parsed.error.issues.map(({ path, message }) => `${['space', ...path].join('.')}: ${message}`);
  throw new LrdistError('ERR_INVALID_OPTION', lines.join('\n'), {
    remedy:
      'A dimension is { kind: "float" or "int", low, high, log? } with low <= high (and low > 0 if log), or { kind: "categorical", choices } with different choices.',
  });
}

function problemOf(parameter: Parameter): string | undefined {
  if (parameter.kind === 'categorical') {
    const twice = parameter.choices.find((choice, i) => parameter.choices.indexOf(choice) !== i);
    return twice === undefined ? undefined : `the choice ${JSON.stringify(twice)} is there twice`;
  }
  const { low, high } = parameter;
  if (low > high) return `expected low <= high, received low ${low} and high ${high}`;
  if (parameter.log && !(low > 0)) return `expected low > 0 for a logarithmic scale, received ${low}`;
  return Number.isFinite(high - low) ? undefined : 'the range from low to high is too wide';
}

/**
 * Parameters from outside (enqueued, attached, imported), checked against a space: a value within it for every dimension, and nothing else. In the space's order.
 *
 * @throws LrdistError ERR_INVALID_OPTION, with every complaint
 */
export function checkParameters(parameters: unknown, space: Space): Parameters {
  const given = z.record(z.string(), z.unknown()).safeParse(parameters);
  if (!given.success)
    throw new LrdistError('ERR_INVALID_OPTION', 'parameters: expected an object with a value for every dimension', {
      remedy: `The dimensions are ${Object.keys(space).join(', ')}.`,
    });
  const missing = Object.keys(space).filter((name) => !Object.hasOwn(given.data, name));
  const unknown = Object.keys(given.data).filter((name) => !Object.hasOwn(space, name));
  const wrong = Object.entries(space).filter(
    ([name, parameter]) => !missing.includes(name) && !isWithin(given.data[name] as ParameterValue, parameter),
  );
  const lines = [
    ...wrong.map(
      ([name, parameter]) => `${name}: expected ${expected(parameter)}, received ${shown(given.data[name])}`,
    ),
    ...missing.map((name) => `${name}: missing`),
    ...unknown.map((name) => `${name}: there is no such dimension${didYouMean(name, missing)}`),
  ];
  if (lines.length > 0)
    throw new LrdistError('ERR_INVALID_OPTION', lines.join('\n'), {
      remedy: `Give one value within bounds for each of ${Object.keys(space).join(', ')}.`,
    });
  return Object.fromEntries(Object.keys(space).map((name) => [name, given.data[name] as ParameterValue]));
}

function expected(parameter: Parameter): string {
  if (parameter.kind === 'categorical') return `one of ${parameter.choices.map(shown).join(', ')}`;
  const kind = parameter.kind === 'int' ? 'an integer' : 'a number';
  return `${kind} from ${parameter.low} to ${parameter.high}`;
}

function shown(value: unknown): string {
  return typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? String(value));
}

function didYouMean(name: string, missing: readonly string[]): string {
  const near = nearest(name, missing);
  return near === undefined ? '' : `; did you mean ${near}?`;
}
