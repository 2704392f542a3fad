/** A function to be made small: writes its gradient at x and returns its value. */
export type Differentiable = (x: Float64Array, gradient: Float64Array) => number;

export interface Bounds {
  readonly low: Float64Array;
  readonly high: Float64Array;
}

export interface Minimum {
  readonly x: Float64Array;
  readonly value: number;
}

interface Pair {
  readonly step: Float64Array;
  readonly change: Float64Array;
  readonly rho: number;
}

const memory = 8;
const tolerance = 1e-9;

/**
 * Limited-memory BFGS within bounds (Nocedal and Wright 2006, algorithm 7.4; bounds by projection: coordinates at a bound that the gradient pushes against are held for the step).
 * Steps are shortened until the value falls enough (Armijo). A value that is not finite counts as high.
 */
export function minimize(f: Differentiable, start: Float64Array, { low, high }: Bounds, iterations: number): Minimum {
  const n = start.length;
  let x: Float64Array = start.map((v, i) => Math.min(Math.max(v, low[i]!), high[i]!));
  let gradient: Float64Array = new Float64Array(n);
  let value = f(x, gradient);
  let pairs: Pair[] = [];
  for (let iteration = 0; iteration < iterations; iteration++) {
    const held = x.map((v, i) => Number((v <= low[i]! && gradient[i]! > 0) || (v >= high[i]! && gradient[i]! < 0)));
    const free = gradient.map((g, i) => (held[i] ? 0 : g));
    let direction = quasiNewton(free, pairs).map((d, i) => (held[i] ? 0 : -d));
    if (!(inner(direction, free) < 0)) {
      pairs = [];
      direction = free.map((g) => -g);
    }
    const length = Math.sqrt(inner(direction, direction));
    if (length < tolerance) break;
    // Without curvature yet, a step as long as a tenth of the cube.
    let rate = pairs.length === 0 ? Math.min(1, 0.1 / length) : 1;
    let next: { x: Float64Array; gradient: Float64Array; value: number } | undefined;
    for (let trial = 0; trial < 20; trial++, rate /= 3) {
      const at = x.map((v, i) => Math.min(Math.max(v + rate * direction[i]!, low[i]!), high[i]!));
      const slope = new Float64Array(n);
      const reached = f(at, slope);
      const moved = at.map((v, i) => v - x[i]!);
      if (reached <= value + 1e-4 * inner(free, moved)) {
        next = { x: at, gradient: slope, value: reached };
        break;
      }
    }
    if (next === undefined) {
      if (pairs.length === 0) break;
      pairs = [];
      continue;
    }
    const step = next.x.map((v, i) => v - x[i]!);
    const change = next.gradient.map((g, i) => g - gradient[i]!);
    const curvature = inner(step, change);
    if (curvature > 1e-12 * inner(change, change))
      pairs = [...pairs, { step, change, rho: 1 / curvature }].slice(-memory);
    const gain = value - next.value;
    ({ x, gradient, value } = next);
    if (gain <= tolerance * (1 + Math.abs(value))) break;
  }
  return { x, value };
}

/** The inverse Hessian's estimate times the gradient (two-loop recursion). */
function quasiNewton(gradient: Float64Array, pairs: readonly Pair[]): Float64Array {
  const q = gradient.slice();
  const alphas = pairs.map(() => 0);
  for (let k = pairs.length - 1; k >= 0; k--) {
    const { step, change, rho } = pairs[k]!;
    alphas[k] = rho * inner(step, q);
    add(q, -alphas[k]!, change);
  }
  const last = pairs.at(-1);
  if (last !== undefined) {
    const gamma = 1 / (last.rho * inner(last.change, last.change));
    for (let i = 0; i < q.length; i++) q[i]! *= gamma;
  }
  pairs.forEach(({ step, change, rho }, k) => add(q, alphas[k]! - rho * inner(change, q), step));
  return q;
}

function add(to: Float64Array, factor: number, what: Float64Array): void {
  for (let i = 0; i < to.length; i++) to[i]! += factor * what[i]!;
}

function inner(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
