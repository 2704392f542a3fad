/**
 * The least time of a training step on a machine: the operations that are needed at the rate of its matrix products, and the bytes
 * that must move at the speed of its memory. docs/performance.md has the definition in words.
 */

/** Shape of a BERT for classification. */
export interface ModelShape {
  readonly hidden: number;
  readonly layers: number;
  readonly intermediate: number;
}

export interface StepWork {
  /** Real tokens of a step. */
  readonly tokens: number;
  /** Rows of a step; the last layer needs one token of each. */
  readonly rows: number;
  /** Sum over the rows of their squared lengths: attention. */
  readonly squares: number;
  /** Parameters that the optimizer moves: all but the word-embedding rows that no batch had yet. */
  readonly moved: number;
  /** Parameters of matrices that are converted for products in bf16. */
  readonly converted: number;
  readonly precision: 'fp32' | 'bf16';
}

/** A linear layer over m rows, weight [n x k]; `count` of them in a step. */
export interface Linear {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly count: number;
}

/** Each linear layer is three products of the same size: Y = X W^T, dX = dY W, dW = dY^T X. */
export const forms = ['forward', 'inputGradient', 'weightGradient'] as const;
export type Form = (typeof forms)[number];

/** The linear layers of a step. In the last layer only keys and values are needed for all tokens. */
export function stepLinears({ hidden, layers, intermediate }: ModelShape, { tokens, rows }: StepWork): Linear[] {
  const linears: Linear[] = [
    { m: tokens, k: hidden, n: 3 * hidden, count: layers - 1 },
    { m: tokens, k: hidden, n: hidden, count: layers - 1 },
    { m: tokens, k: hidden, n: intermediate, count: layers - 1 },
    { m: tokens, k: intermediate, n: hidden, count: layers - 1 },
    { m: tokens, k: hidden, n: 2 * hidden, count: 1 },
    // Query, attention's output and pooler.
    { m: rows, k: hidden, n: hidden, count: 3 },
    { m: rows, k: hidden, n: intermediate, count: 1 },
    { m: rows, k: intermediate, n: hidden, count: 1 },
  ];
  return linears.filter(({ count }) => count > 0);
}

/** Of one of the three products, `count` times. */
export function productFlops({ m, k, n, count }: Linear): number {
  return 2 * m * k * n * count;
}

/**
 * Scores and weighted sums, two products forward and four backward, of 2 s^2 hidden operations each for a row of s tokens;
 * in the last layer there is one query for each row.
 */
export function attentionFlops({ hidden, layers }: ModelShape, { tokens, squares }: StepWork): number {
  return 12 * hidden * ((layers - 1) * squares + tokens);
}

/** Weight, gradient and two moments read, weight and moments written; for bf16 also the converted matrices written. */
export function optimizerBytes({ moved, converted, precision }: StepWork): number {
  return 28 * moved + (precision === 'bf16' ? 2 * converted : 0);
}

/**
 * Values that the backward pass needs, written once and read once: queries, keys and values, the attention's output, both normalised
 * sums, and the inner layer before and after GELU. In the last layer only keys and values are of all tokens.
 */
export function activationBytes({ hidden, layers, intermediate }: ModelShape, work: StepWork): number {
  const { tokens, rows, precision } = work;
  const whole = 6 * hidden + 2 * intermediate;
  const values = (layers - 1) * tokens * whole + tokens * 2 * hidden + rows * (whole - 2 * hidden);
  return 2 * values * (precision === 'bf16' ? 2 : 4);
}

export interface MachineRates {
  /** Operations a second of that product, by the best library. */
  flops(linear: Linear, form: Form): number;
  /** Bytes a second of a copy, reading and writing counted. */
  readonly copyBytes: number;
}

export interface Limit {
  readonly flops: number;
  readonly bytes: number;
  /** Operations over seconds of all the matrix products of a step. */
  readonly matrixRate: number;
  readonly seconds: number;
}

/** The limit of a step. Attention counts at the mean rate of the step's matrix products. */
export function stepLimit(shape: ModelShape, work: StepWork, rates: MachineRates): Limit {
  let linear = 0;
  let seconds = 0;
  for (const layer of stepLinears(shape, work)) {
    for (const form of forms) {
      linear += productFlops(layer);
      seconds += productFlops(layer) / rates.flops(layer, form);
    }
  }
  const matrixRate = linear / seconds;
  const flops = linear + attentionFlops(shape, work);
  const bytes = optimizerBytes(work) + activationBytes(shape, work);
  return { flops, bytes, matrixRate, seconds: flops / matrixRate + bytes / rates.copyBytes };
}

/** What `measurePeaks` gives, after a way as JSON. */
export interface MeasuredPeaks {
  /** In the order of the linear layers; null where no library multiplies. */
  readonly products: readonly Readonly<Record<Form, { readonly best: number | null }>>[];
  readonly copyBytesPerSecond: number;
}

/** Rates measured for these layers as `stepLimit` takes them. */
export function ratesFrom(linears: readonly Linear[], { products, copyBytesPerSecond }: MeasuredPeaks): MachineRates {
  const key = ({ m, n, k }: Linear): string => [m, n, k].join();
  const measured = new Map(linears.map((linear, i) => [key(linear), products[i]]));
  return {
    copyBytes: copyBytesPerSecond,
    flops(linear, form) {
      const best = measured.get(key(linear))?.[form].best;
      if (!best) throw new Error(`no rate was measured for ${form} of ${key(linear)}`);
      return best;
    },
  };
}
