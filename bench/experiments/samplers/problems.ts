import { createRandom } from '../../../lib/random.ts';
import { randomNormal } from '../../../lib/search/normal.ts';
import type { Parameters, Space } from '../../../lib/search/space.ts';

/** A function to be minimised. */
export interface Problem {
  readonly name: string;
  readonly space: Space;
  /** Its lowest value. */
  readonly least: number;
  /** Deviation of the noise that the samplers see. */
  readonly noise: number;
  value(parameters: Parameters): number;
}

/** What a sampler is told: the same for everyone who asks for this trial of this seed. */
export function observe(problem: Problem, parameters: Parameters, seed: number, trial: number): number {
  const noise = problem.noise > 0 ? problem.noise * randomNormal(createRandom(seed, trial, 7)) : 0;
  return problem.value(parameters) + noise;
}

function box(dimensions: number, low: number, high: number, log = false): Space {
  return Object.fromEntries(Array.from({ length: dimensions }, (_, i) => [`x${i}`, { kind: 'float', low, high, log }]));
}

function numbers(parameters: Parameters): number[] {
  return Object.values(parameters).map(Number);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, v) => total + v, 0);
}

function branin([x = 0, y = 0]: readonly number[]): number {
  const curve = y - (5.1 / (4 * Math.PI ** 2)) * x * x + (5 / Math.PI) * x - 6;
  return curve * curve + 10 * (1 - 1 / (8 * Math.PI)) * Math.cos(x) + 10;
}

const hartmannHeights = [1, 1.2, 3, 3.2];
const hartmannWidths = [
  [10, 3, 17, 3.5, 1.7, 8],
  [0.05, 10, 17, 0.1, 8, 14],
  [3, 3.5, 1.7, 10, 17, 8],
  [17, 8, 0.05, 10, 0.1, 14],
];
const hartmannCentres = [
  [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
  [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
  [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.665],
  [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
];

function hartmann6(x: readonly number[]): number {
  const hills = hartmannHeights.map(
    (height, i) =>
      height * Math.exp(-sum(x.map((v, d) => hartmannWidths[i]![d]! * (v - hartmannCentres[i]![d]!) ** 2))),
  );
  return -sum(hills);
}

function ackley(x: readonly number[]): number {
  const distance = Math.sqrt(sum(x.map((v) => v * v)) / x.length);
  const waves = sum(x.map((v) => Math.cos(2 * Math.PI * v))) / x.length;
  return -20 * Math.exp(-0.2 * distance) - Math.exp(waves) + 20 + Math.E;
}

function levy(x: readonly number[]): number {
  const w = x.map((v) => 1 + (v - 1) / 4);
  const last = w.at(-1)!;
  const inner = w.slice(0, -1).map((v) => (v - 1) ** 2 * (1 + 10 * Math.sin(Math.PI * v + 1) ** 2));
  return Math.sin(Math.PI * w[0]!) ** 2 + sum(inner) + (last - 1) ** 2 * (1 + Math.sin(2 * Math.PI * last) ** 2);
}

function rosenbrock(x: readonly number[]): number {
  return sum(x.slice(1).map((v, i) => 100 * (v - x[i]! ** 2) ** 2 + (1 - x[i]!) ** 2));
}

/** Rates of eight groups: each has a best value, matters more or less, and far from the best nothing is learned, so the function is flat. */
function rates(x: readonly number[]): number {
  const away = x.map((v, i) => (1 + (i % 3)) * (Math.log10(v) - (-5.5 + 0.25 * i)) ** 2);
  const slopes = sum(x.slice(1).map((v, i) => Math.log10(v / x[i]!) ** 2));
  return 1 - Math.exp(-(sum(away) + slopes) / 12);
}

/** Its lowest value, by BFGS: what is inside the exponential is convex. */
const leastRates = 0.0309962166662463;

/** Some of a fine-tuning run's choices. The second choice is the best one, and the rate's best value depends on it. */
function tuning({ rate, decay, epochs, batch, schedule }: Parameters): number {
  const best = { constant: -4.2, linear: -4.6, cosine: -4.5 }[String(schedule)]!;
  const penalty = { constant: 0.3, linear: 0, cosine: 0.1 }[String(schedule)]!;
  return (
    penalty +
    (Math.log10(Number(rate)) - best + 0.3 * Math.log2(Number(batch) / 32)) ** 2 +
    0.2 * (Number(decay) - 0.1) ** 2 +
    0.05 * (Number(epochs) - 4) ** 2 +
    0.1 * Math.log2(Number(batch) / 32) ** 2
  );
}

const tuningSpace: Space = {
  rate: { kind: 'float', low: 1e-7, high: 1e-2, log: true },
  decay: { kind: 'float', low: 0, high: 1 },
  epochs: { kind: 'int', low: 1, high: 10 },
  batch: { kind: 'int', low: 8, high: 256, log: true },
  schedule: { kind: 'categorical', choices: ['constant', 'linear', 'cosine'] },
};

function problem(name: string, space: Space, least: number, f: (x: readonly number[]) => number, noise = 0): Problem {
  return { name, space, least, noise, value: (parameters) => f(numbers(parameters)) };
}

/** Standard functions with their usual bounds; Ackley's are not symmetric, since its lowest value is in the middle. */
export const problems: readonly Problem[] = [
  problem(
    'branin',
    { x0: { kind: 'float', low: -5, high: 10 }, x1: { kind: 'float', low: 0, high: 15 } },
    0.39788735772973816,
    branin,
  ),
  problem('hartmann6', box(6, 0, 1), -3.3223680114155147, hartmann6),
  problem('hartmann6-noisy', box(6, 0, 1), -3.3223680114155147, hartmann6, 0.2),
  problem('ackley5', box(5, -15, 30), 0, ackley),
  problem('levy10', box(10, -10, 10), 0, levy),
  problem('rosenbrock4', box(4, -5, 10), 0, rosenbrock),
  problem('rates8', box(8, 1e-7, 1e-3, true), leastRates, rates),
  { name: 'tuning', space: tuningSpace, least: 0, noise: 0, value: tuning },
];
