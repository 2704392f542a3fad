/** Crossover and mutation of points of a unit cube, as NSGA-II has them: few changes are large. */
import type { Random } from '../../random.ts';
import type { CubePoint, UnitCube } from '../unit-cube.ts';

/** Distribution index of both: the higher, the nearer children are to their parents (Deb et al. 2002 take 20). */
const ETA = 20;
const CROSSOVER_PROBABILITY = 0.9;

/** A child of two points: half of the coordinates of the first, the others by simulated binary crossover; each choice of either. */
export function cross(a: CubePoint, b: CubePoint, random: Random): CubePoint {
  if (random.float() >= CROSSOVER_PROBABILITY) return a;
  return {
    unit: a.unit.map((own, i) => (random.float() < 0.5 ? own : simulatedBinary(own, b.unit[i]!, random))),
    choices: a.choices.map((own, i) => (random.float() < 0.5 ? own : b.choices[i]!)),
  };
}

/** One coordinate near one of two, as far from it as the two are apart, and within [0, 1] (Deb and Agrawal, Complex Systems 9, 1995, with bounds as in Deb's NSGA-II). */
function simulatedBinary(a: number, b: number, random: Random): number {
  const [low, high] = a < b ? [a, b] : [b, a];
  if (high - low < 1e-14) return a;
  const below = random.float() < 0.5;
  const toEdge = below ? low : 1 - high;
  const alpha = 2 - (1 + (2 * toEdge) / (high - low)) ** -(ETA + 1);
  const u = random.float() * alpha;
  const spread = (u <= 1 ? u : 1 / (2 - u)) ** (1 / (ETA + 1));
  const offset = (spread * (high - low)) / 2;
  return clamp01((low + high) / 2 + (below ? -offset : offset));
}

/** On average one dimension is changed: a coordinate by polynomial mutation, a choice to any. */
export function mutate(cube: UnitCube, { unit, choices }: CubePoint, random: Random): CubePoint {
  const probability = 1 / Math.max(unit.length + choices.length, 1);
  return {
    unit: unit.map((at) => (random.float() < probability ? polynomial(at, random) : at)),
    choices: choices.map((own, i) =>
      random.float() < probability ? random.int(cube.categorical[i]!.choices.length) : own,
    ),
  };
}

/** A coordinate moved within [0, 1], the less likely the further (Deb and Goyal, Computer Science and Informatics 26, 1996; bounds as in Deb's NSGA-II). */
function polynomial(at: number, random: Random): number {
  const u = random.float();
  const down = u < 0.5;
  const reach = down ? 1 - at : at;
  const share = down ? 2 * u : 2 * (1 - u);
  const step = 1 - (share + (1 - share) * reach ** (ETA + 1)) ** (1 / (ETA + 1));
  return clamp01(down ? at - step : at + step);
}

function clamp01(value: number): number {
  return Math.min(Math.max(value, 0), 1);
}
