/** How large the demo is. Everything that changes the pretrained model is in `model` and `pretraining`, and is part of its folder's key. */
export interface DemoSettings {
  readonly model: {
    readonly hidden: number;
    readonly layers: number;
    readonly heads: number;
    readonly intermediate: number;
  };
  readonly pretraining: {
    readonly passages: number;
    readonly epochs: number;
    readonly batchSize: number;
    readonly rate: number;
    readonly maskProbability: number;
  };
  /** Rows of each task: to learn from, to choose bases on, and to report on. */
  readonly rows: { readonly train: number; readonly select: number; readonly validation: number };
  readonly tasks: readonly [string, string];
  readonly epochs: number;
  readonly batchSize: number;
  /** Bases tried for flat rates, and for the other shapes; all get equally many. */
  readonly bases: readonly number[];
  readonly shapes: readonly string[];
  /** Seeds of the comparison that is reported. Choosing uses another. */
  readonly seeds: number;
}

export const fullDemo: DemoSettings = {
  model: { hidden: 128, layers: 3, heads: 4, intermediate: 256 },
  pretraining: { passages: 24_000, epochs: 3, batchSize: 32, rate: 1e-3, maskProbability: 0.2 },
  rows: { train: 3000, select: 1000, validation: 2000 },
  tasks: ['paraphrase', 'mood'],
  epochs: 3,
  batchSize: 32,
  bases: [1e-4, 3e-4, 1e-3],
  shapes: ['fast-head', 'paper-rounded'],
  seeds: 5,
};
