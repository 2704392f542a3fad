import { logNormalMass } from './normal.ts';
import type { CategoricalParameter, FloatParameter, IntParameter, Parameter, ParameterValue } from './space.ts';

/** Ranges are cut into at most so many cells. */
const MOST_CELLS = 50;

/**
 * How the values of a dimension are spread, as probabilities of the cells of its range or of its choices: a Parzen estimate with one more kernel that covers all as prior (Watanabe et al. 2023,
 * arXiv 2304.10255; widths by Scott's rule).
 */
export function parameterDensity(parameter: Parameter, values: readonly ParameterValue[]): Float64Array {
  return parameter.kind === 'categorical'
    ? choiceDensity(parameter, values)
    : rangeDensity(cellsOf(parameter), indicesOf(parameter, values as readonly number[]));
}

function choiceDensity({ choices }: CategoricalParameter, values: readonly ParameterValue[]): Float64Array {
  const counts = choices.map((choice) => values.filter((value) => value === choice).length);
  // Every choice that was seen is a kernel, which leaves a little for the others.
  const kernels = counts.filter((count) => count > 0).length + 1;
  const spill = 1 / kernels;
  const whole = 1 + choices.length * spill;
  return Float64Array.from(choices, (_, i) => {
    const seen = counts.reduce((sum, count, j) => sum + count * ((i === j ? 1 + spill : spill) / whole), 0);
    return (seen + 1 / choices.length) / (values.length + 1);
  });
}

function rangeDensity(cells: number, indices: readonly number[]): Float64Array {
  const width = scottWidth(indices);
  const density = new Float64Array(cells);
  const add = (center: number, sigma: number, weight: number) => {
    const whole = mass(-0.5 - center, cells - 0.5 - center, sigma);
    for (let cell = 0; cell < cells; cell++)
      density[cell]! += (weight * mass(cell - 0.5 - center, cell + 0.5 - center, sigma)) / whole;
  };
  for (const [index, group] of Map.groupBy(indices, (index) => index)) add(index, width, group.length);
  add((cells - 1) / 2, cells, 1);
  return density.map((value) => value / (indices.length + 1));
}

/** Scott's rule for cells: 1.059 min(sd, IQR / 1.34) n^(-1/5), but 90 % of a kernel may lie in one cell at most. */
function scottWidth(indices: readonly number[]): number {
  const sorted = [...indices].sort((a, b) => a - b);
  const n = sorted.length;
  const center = sorted.reduce((sum, index) => sum + index, 0) / n;
  const deviation = Math.sqrt(sorted.reduce((sum, index) => sum + (index - center) ** 2, 0) / Math.max(1, n - 1));
  const lower = sorted[Math.max(0, Math.floor(n / 4) - 1)]!;
  const upper = sorted[Math.min(n - 1, Math.floor((3 * n) / 4))]!;
  return Math.max(1.059 * Math.min((upper - lower) / 1.34, deviation) * n ** -0.2, 0.5 / 1.64);
}

/** Of a normal distribution about 0. */
function mass(low: number, high: number, sigma: number): number {
  return Math.exp(logNormalMass(low / sigma, high / sigma));
}

function cellsOf(parameter: FloatParameter | IntParameter): number {
  if (parameter.kind === 'float') return MOST_CELLS;
  const size = parameter.high - parameter.low + 1;
  return Math.min(parameter.log ? Math.ceil(Math.log2(size)) + 1 : size, MOST_CELLS);
}

/** The nearest of the cells' middles, which go from end to end of the range; of two equally near the lower. */
function indicesOf(parameter: FloatParameter | IntParameter, values: readonly number[]): number[] {
  const scale = parameter.log ? Math.log : (value: number) => value;
  const [low, high] = [scale(parameter.low), scale(parameter.high)];
  const last = cellsOf(parameter) - 1;
  return values.map((value) => {
    const place = (Math.min(Math.max(scale(value), low), high) - low) / (high - low);
    return Math.min(Math.max(Math.ceil(place * last - 0.5), 0), last);
  });
}
