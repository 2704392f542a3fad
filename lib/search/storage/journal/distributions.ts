import { z } from 'zod';
import type { Parameter, ParameterValue } from '../../space.ts';
import type { Json } from '../../trial.ts';

/** Optuna's distributions: https://optuna.readthedocs.io/en/stable/reference/distributions.html */
const distributionSchema = z.discriminatedUnion('name', [
  z.object({
    name: z.literal('FloatDistribution'),
    attributes: z.object({ low: z.number(), high: z.number(), log: z.boolean(), step: z.number().nullish() }),
  }),
  z.object({
    name: z.literal('IntDistribution'),
    attributes: z.object({ low: z.number(), high: z.number(), log: z.boolean(), step: z.number().nullish() }),
  }),
  z.object({ name: z.literal('CategoricalDistribution'), attributes: z.object({ choices: z.array(z.json()) }) }),
]);

export type Distribution = z.output<typeof distributionSchema>;

/** Every trial of a journal says its distributions again: few different texts, many times. */
const parsed = new Map<string, Distribution>();

export function parseDistribution(text: string): Distribution {
  const distribution = parsed.get(text) ?? distributionSchema.parse(JSON.parse(text));
  parsed.set(text, distribution);
  return distribution;
}

export function distributionText(parameter: Parameter): string {
  return JSON.stringify(toDistribution(parameter));
}

function toDistribution(parameter: Parameter): Distribution {
  if (parameter.kind === 'categorical')
    return { name: 'CategoricalDistribution', attributes: { choices: [...parameter.choices] } };
  const { low, high, log = false } = parameter;
  return parameter.kind === 'float'
    ? { name: 'FloatDistribution', attributes: { low, high, log, step: null } }
    : { name: 'IntDistribution', attributes: { low, high, log, step: 1 } };
}

/** A journal holds numbers as they are, and of a choice its index. */
export function internalValue(parameter: Parameter, value: ParameterValue): number {
  return parameter.kind === 'categorical' ? parameter.choices.indexOf(value) : (value as number);
}

export function externalValue(distribution: Distribution | undefined, value: number): Json {
  return distribution?.name === 'CategoricalDistribution' ? (distribution.attributes.choices[value] ?? null) : value;
}
