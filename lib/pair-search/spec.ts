/** A search over a pair of GLUE tasks as plain JSON: what a study records, and a child process gets. */
import { z } from 'zod';
import type { StageTraining } from '../forgetting/options.ts';
import { paperHabitsOf } from '../forgetting/paper-habits.ts';
import type { RatesDocument } from '../rates/file.ts';
import { check } from '../train/check.ts';

const range = z.tuple([z.number(), z.number()]).readonly();
const json = z.custom<Readonly<Record<string, unknown>>>(
  (value) => typeof value === 'object' && value !== null,
  'expected an object',
);

const schema = z.strictObject({
  /** Hugging Face folder. */
  model: z.string().min(1),
  /** Folder with GLUE's task folders. */
  dataDir: z.string().min(1),
  /** The task to keep, and the task to learn after it. */
  tasks: z.tuple([z.string().min(1), z.string().min(1)]).readonly(),
  maxTrainSamples: z.number().int().positive().optional(),
  /** Rows that trials are scored on, held out of train. Default: a tenth, at least 1,000, never above a fifth or 5,000. */
  selectionRows: z.number().int().positive().optional(),
  maxLength: z.number().int().positive().optional(),
  mode: z.enum(['keep', 'paper']).default('keep'),
  /** The published code's habits (docs/forgetting.md), the validation split as what trials are scored on among them. */
  protocol: z.literal('paper').optional(),
  firstRates: json.optional(),
  firstModel: z.string().min(1).optional(),
  training: json.default({}),
  firstTraining: json.default({}),
  space: z
    .strictObject({
      grouping: z.string().default('layer'),
      parametrisation: z.string().default('free'),
      rates: range.optional(),
      ranges: z.record(z.string(), range).default({}),
      stages: z.enum(['same', 'own']).default('same'),
      weightDecay: range.optional(),
      warmupRatio: range.optional(),
      epochs: range.optional(),
      penalty: range.optional(),
    })
    .prefault({}),
  /** Name of the penalty whose strength is searched, or that all trials have at its default strength. */
  penalty: z.string().optional(),
  objective: z.string().default('sum'),
  seed: z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER).default(42),
  session: json.default({}),
  /** Folder of first stages; false = none. */
  cache: z.union([z.string(), z.literal(false)]).optional(),
});

type Checked = z.infer<typeof schema>;

export type PairSpecInput = Omit<z.input<typeof schema>, 'training' | 'firstTraining' | 'firstRates'> & {
  readonly training?: StageTraining;
  readonly firstTraining?: StageTraining;
  readonly firstRates?: RatesDocument;
};

/** With every default filled in. */
export type PairSpec = Omit<Checked, 'training' | 'firstTraining' | 'firstRates'> & {
  readonly training: StageTraining;
  readonly firstTraining: StageTraining;
  readonly firstRates?: RatesDocument;
};

/** @throws ERR_INVALID_OPTION, ERR_UNKNOWN_OPTION */
export function pairSpec(input: PairSpecInput): PairSpec {
  const checked = check(schema, input, 'search') as PairSpec;
  if (checked.protocol === undefined) return checked;
  const { training, pool } = paperHabitsOf(checked.training);
  return { ...checked, mode: input.mode ?? 'paper', training, session: { pool, ...checked.session } };
}
