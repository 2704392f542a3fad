import type { StageTraining } from '../forgetting/options.ts';

/** How large the demo is. The pretrained model depends on `model` and `pretraining` alone. */
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
  /** Rows of each task: to learn from, to choose on, and to report on. */
  readonly rows: { readonly train: number; readonly select: number; readonly validation: number };
  /** Where rates are searched: pairs of tasks, the one to keep first, and how many trials each gets. */
  readonly search: {
    readonly pairs: readonly (readonly [string, string])[];
    readonly trials: number;
    readonly parametrisation: string;
  };
  /** The task to keep and the task to learn in the comparison: a pair that was not searched. */
  readonly tasks: readonly [string, string];
  /** What classifiers read. */
  readonly pool: 'pooler' | 'cls';
  readonly training: StageTraining;
  readonly firstTraining: StageTraining;
  /** Flat rates tried for the first task. */
  readonly firstRates: readonly number[];
  /** Built-in shapes to compare with what the search found, flat first, each with as many bases. */
  readonly shapes: readonly { readonly name: string; readonly bases: readonly number[] }[];
  /** Bases of the combined distribution, in multiples of its own. */
  readonly combinedBases: readonly number[];
  /** Seeds under which bases are chosen. One seed alone would choose by luck: `p_o` differs by ten points and more between seeds. */
  readonly choosingSeeds: number;
  /** Seeds of the comparison, none of them used for choosing. */
  readonly seeds: number;
}

const warmed = { lr_scheduler_type: 'linear', warmup_ratio: 0.1 } as const;

/** A few minutes on two cores. */
export const fullDemo: DemoSettings = {
  model: { hidden: 96, layers: 4, heads: 4, intermediate: 192 },
  pretraining: { passages: 20_000, epochs: 4, batchSize: 32, rate: 1.5e-3, maskProbability: 0.2 },
  rows: { train: 2000, select: 1000, validation: 2000 },
  search: {
    pairs: [
      ['mood', 'topic'],
      ['topic', 'mood'],
    ],
    trials: 16,
    parametrisation: 'free',
  },
  tasks: ['agreement', 'topic'],
  pool: 'cls',
  training: { epochs: 4, batchSize: 32, schedule: warmed },
  firstTraining: { epochs: 4, batchSize: 32, schedule: warmed },
  firstRates: [4e-4, 8e-4],
  shapes: [
    { name: 'flat', bases: [2e-4, 4e-4, 8e-4] },
    { name: 'fast-head', bases: [2e-4, 4e-4, 8e-4] },
  ],
  combinedBases: [0.5, 1, 2],
  choosingSeeds: 3,
  seeds: 5,
};

/** Under a minute: shows that everything works, with too few seeds to claim much. */
export const quickDemo: DemoSettings = {
  ...fullDemo,
  model: { hidden: 96, layers: 2, heads: 3, intermediate: 192 },
  pretraining: { ...fullDemo.pretraining, passages: 8000, epochs: 3, rate: 2e-3 },
  rows: { train: 1800, select: 300, validation: 400 },
  search: {
    pairs: [
      ['topic', 'mood'],
      ['agreement', 'mood'],
    ],
    trials: 8,
    parametrisation: 'free',
  },
  tasks: ['mood', 'topic'],
  training: { ...fullDemo.training, epochs: 3 },
  firstTraining: { ...fullDemo.firstTraining, epochs: 5 },
  firstRates: [1e-3],
  shapes: [
    { name: 'flat', bases: [5e-4, 1e-3] },
    { name: 'fast-head', bases: [2e-4, 4e-4] },
  ],
  combinedBases: [0.5, 1],
  choosingSeeds: 1,
  seeds: 2,
};
