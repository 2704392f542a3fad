import { LrdistError } from '../errors.ts';

/** Settings that some curves take, as Hugging Face names them in `lr_scheduler_kwargs`. */
export interface CurveSettings {
  readonly num_cycles?: number;
  readonly power?: number;
  readonly lr_end?: number;
  readonly timescale?: number;
  readonly min_lr?: number;
  readonly min_lr_rate?: number;
}

interface CurveInput {
  readonly warmup: number;
  readonly total: number;
  readonly learningRate: number;
  readonly kwargs: CurveSettings;
}

interface Curve {
  readonly settings: readonly (keyof CurveSettings)[];
  readonly make: (input: CurveInput) => (step: number) => number;
}

/** Linear warm-up from 0, then `after`. Update number `warmup` is the first at full rate. */
function warmed(warmup: number, after: (step: number) => number): (step: number) => number {
  return (step) => (step < warmup ? step / warmup : after(step));
}

/** Share of the way from the end of warm-up to the end of the stage; beyond 1 after the end. */
function progressOf({ warmup, total }: CurveInput): (step: number) => number {
  const length = Math.max(1, total - warmup);
  return (step) => (step - warmup) / length;
}

function cosine(input: CurveInput, floor: number): (step: number) => number {
  const cycles = input.kwargs.num_cycles ?? 0.5;
  const progress = progressOf(input);
  return warmed(input.warmup, (step) =>
    Math.max(0, 0.5 * (1 + Math.cos(Math.PI * cycles * 2 * progress(step))) * (1 - floor) + floor),
  );
}

/**
 * The curves by name. All but `paper` follow the schedules of the same name in Hugging Face transformers 5 (get_scheduler), to
 * rounding, in the settings' defaults too.
 */
export const curves = {
  linear: {
    settings: [],
    make: ({ warmup, total }) => warmed(warmup, (step) => Math.max(0, (total - step) / Math.max(1, total - warmup))),
  },
  cosine: { settings: ['num_cycles'], make: (input) => cosine(input, 0) },
  cosine_with_restarts: {
    settings: ['num_cycles'],
    make: (input) => {
      const cycles = input.kwargs.num_cycles ?? 1;
      const progress = progressOf(input);
      return warmed(input.warmup, (step) =>
        progress(step) >= 1 ? 0 : Math.max(0, 0.5 * (1 + Math.cos(Math.PI * ((cycles * progress(step)) % 1)))),
      );
    },
  },
  cosine_with_min_lr: {
    settings: ['num_cycles', 'min_lr', 'min_lr_rate'],
    make: (input) => {
      const { min_lr, min_lr_rate } = input.kwargs;
      if ((min_lr === undefined) === (min_lr_rate === undefined)) {
        throw new LrdistError(
          'ERR_INVALID_OPTION',
          'lr_scheduler_kwargs: the schedule "cosine_with_min_lr" needs exactly one of min_lr and min_lr_rate',
        );
      }
      return cosine(input, min_lr === undefined ? min_lr_rate! : min_lr / input.learningRate);
    },
  },
  polynomial: {
    settings: ['lr_end', 'power'],
    make: ({ warmup, total, learningRate, kwargs }) => {
      const end = kwargs.lr_end ?? 1e-7;
      const power = kwargs.power ?? 1;
      if (!(end < learningRate)) {
        throw new LrdistError(
          'ERR_INVALID_OPTION',
          `lr_scheduler_kwargs: lr_end (${end}) must be below the learning rate (${learningRate})`,
        );
      }
      const length = Math.max(1, total - warmup);
      return warmed(warmup, (step) => {
        if (step > total) return end / learningRate;
        return ((learningRate - end) * (1 - (step - warmup) / length) ** power + end) / learningRate;
      });
    },
  },
  inverse_sqrt: {
    settings: ['timescale'],
    make: ({ warmup, kwargs }) => {
      const timescale = kwargs.timescale ?? (warmup || 10_000);
      if (timescale <= 0)
        throw new LrdistError(
          'ERR_INVALID_OPTION',
          `lr_scheduler_kwargs: timescale must be above 0, received ${timescale}`,
        );
      return warmed(warmup, (step) => 1 / Math.sqrt((step + timescale - warmup) / timescale));
    },
  },
  constant: { settings: [], make: () => () => 1 },
  constant_with_warmup: { settings: [], make: ({ warmup }) => warmed(warmup, () => 1) },
  /** Cosine over the whole stage, from its first step on, times t / warm-up while t <= warm-up (arXiv 2404.01317, the authors' code). */
  paper: {
    settings: [],
    make:
      ({ warmup, total }) =>
      (step) =>
        0.5 * (1 + Math.cos((Math.PI * step) / Math.max(1, total))) * (step < warmup ? step / warmup : 1),
  },
} as const satisfies Record<string, Curve>;
