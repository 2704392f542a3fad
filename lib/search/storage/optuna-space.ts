import type { Parameter, ParameterValue, Space } from '../space.ts';
import type { Json } from '../trial.ts';
import type { Distribution } from './journal/distributions.ts';
import { type OptunaTrial, stateCodes } from './journal/replay.ts';

/**
 * The space of an Optuna study, which has none: there every trial says anew what its parameters are drawn from. The dimensions are the parameters that all
 * trials with a result have; a range reaches from the lowest to the highest bound.
 */
export function spaceOf(trials: readonly OptunaTrial[]): Space {
  const withResult = trials.filter(({ state }) => state !== stateCodes.failed);
  const telling = withResult.length > 0 ? withResult : trials;
  const names = Object.keys(telling[0]?.distributions ?? {}).filter((name) =>
    telling.every(({ distributions }) => Object.hasOwn(distributions, name)),
  );
  return Object.fromEntries(
    names.map((name) => [name, telling.map(({ distributions }) => toParameter(distributions[name]!)).reduce(join)]),
  );
}

function toParameter({ name, attributes }: Distribution): Parameter {
  if (name === 'CategoricalDistribution') return { kind: 'categorical', choices: attributes.choices.map(plainChoice) };
  const { low, high, log } = attributes;
  return { kind: name === 'FloatDistribution' ? 'float' : 'int', low, high, ...(log ? { log } : {}) };
}

function join(a: Parameter, b: Parameter): Parameter {
  if (a.kind === 'categorical' || b.kind === 'categorical') return a; // Optuna refuses other choices.
  return { ...a, low: Math.min(a.low, b.low), high: Math.max(a.high, b.high) };
}

/** Optuna's choices may be None or lists. */
export function plainChoice(value: Json): ParameterValue {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? value
    : JSON.stringify(value);
}
