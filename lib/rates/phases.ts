import { LrdistError } from '../errors.ts';
import type { RateDistribution, Rates } from './distribution.ts';

/**
 * A stretch of a stage in which some rates differ: from the share `from` of its steps on, up to the next phase, each group's rate
 * is its rate in the distribution times its factor. A factor of 0 freezes the group, as a rate of 0 does.
 */
export interface Phase {
  /** Share of the stage's steps, 0 or more and below 1. */
  readonly from: number;
  readonly factors: Rates;
}

/** Step, from 0, at which a phase begins in a stage of `total` steps. */
export function phaseStep({ from }: Pick<Phase, 'from'>, total: number): number {
  return Math.round(from * total);
}

/** Steps, ascending from 0, at which the rates of one of the distributions change in a stage of `total` steps. */
export function phaseSteps(distributions: readonly RateDistribution[], total: number): number[] {
  const starts = distributions.flatMap(({ phases = [] }) => phases.map((phase) => phaseStep(phase, total)));
  return [...new Set([0, ...starts])].filter((step) => step < total || step === 0).sort((a, b) => a - b);
}

/** Factor of each group, in the order of the groups, for update number `step` of `total`. All 1 without phases. */
export function phaseFactors(distribution: RateDistribution, step: number, total: number): Float64Array {
  const phase = distribution.phases?.findLast((each) => phaseStep(each, total) <= step);
  return Float64Array.from(distribution.groups, ({ name }) => phase?.factors[name] ?? 1);
}

/** Says what is wrong with phases, or nothing. */
export function phaseProblem(phases: readonly Phase[], groups: readonly string[]): string | undefined {
  if (phases[0]?.from !== 0) return 'phases: the first phase must begin at 0';
  for (const [i, { from, factors }] of phases.entries()) {
    if (i > 0 && from <= phases[i - 1]!.from) return `phases[${i}]: "from" must rise`;
    const missing = groups.filter((group) => !Object.hasOwn(factors, group));
    if (missing.length > 0) return `phases[${i}]: no factor for ${missing.map((group) => `"${group}"`).join(', ')}`;
    const unknown = Object.keys(factors).find((group) => !groups.includes(group));
    if (unknown !== undefined) return `phases[${i}]: a factor for the group "${unknown}", which does not exist`;
    if (groups.every((group) => factors[group] === 0)) return `phases[${i}]: every factor is 0, so nothing would learn`;
  }
  return undefined;
}

/** For uses that have no notion of steps. */
export function refusePhases({ name, phases }: RateDistribution, use: string): void {
  if (phases === undefined) return;
  throw new LrdistError(
    'ERR_RATES_ENCODE',
    `the distribution "${name}" changes its rates during training, which ${use} cannot express`,
    {
      remedy: 'Take a distribution without phases.',
    },
  );
}
