/** TrainOptions, checked, with every default filled in and every name looked up. */
import { z } from 'zod';
import { LrdistError, nearest } from '../errors.ts';
import { forLayers } from '../rates/convert.ts';
import { layersOf } from '../rates/depth.ts';
import { type RateDistribution, referenceRate } from '../rates/distribution.ts';
import { phaseSteps } from '../rates/phases.ts';
import { buildPlan, type RatePlan } from '../rates/plan.ts';
import { factors } from '../rates/schedule.ts';
import { type Batching, samplingStrategies, tokenBatches } from './batching.ts';
import { check } from './check.ts';
import type { HeadOptions, ModelParameter } from './model.ts';
import type { TrainOptions } from './options.ts';
import { countSteps, type StepCounts } from './plan.ts';
import { Profile } from './profile.ts';
import { resolveRegularizers } from './regularizers.ts';
import type { GroupRow, RunPlan } from './run.ts';
import { resolveSources } from './resolve-sources.ts';
import { totalRows } from './sources.ts';
import { type EncodedSplit, evaluationSplits } from './task.ts';

const whole = z.number().int();
const count = whole.positive();
const object = z.custom<object>((value) => typeof value === 'object' && value !== null, 'expected an object');
const list = z.custom<readonly unknown[]>(Array.isArray, 'expected an array');

const oneOrEach = (number: z.ZodNumber) => z.union([number, z.array(number).readonly()]);

const schema = z.strictObject({
  task: object.optional(),
  head: z.string().optional(),
  dataset: object.optional(),
  loss: z.enum(['cross-entropy', 'double-softmax', 'mse', 'masked-lm']).optional(),
  masking: object.optional(),
  mix: list.default([]),
  beside: list.default([]),
  regularizers: object.optional(),
  anchored: list.optional(),
  rates: object,
  stage: whole.nonnegative().default(0),
  epochs: oneOrEach(z.number().positive()).default(3),
  maxSteps: whole.default(-1),
  batchSize: count.default(8),
  batchTokens: count.optional(),
  samplingStrategy: z.enum(samplingStrategies).default('random'),
  gradientAccumulationSteps: count.default(1),
  schedule: object.default({}),
  optimizer: z
    .strictObject({
      name: z.enum(['adamw', 'adam']).default('adamw'),
      beta1: z.number().min(0).lt(1).default(0.9),
      beta2: z.number().min(0).lt(1).default(0.999),
      eps: z.number().positive().default(1e-8),
    })
    .prefault({}),
  weightDecay: oneOrEach(z.number().min(0)).default(0),
  clipNorm: z.number().min(0).default(1),
  labelSmoothing: z.number().min(0).lt(1).default(0),
  seed: whole.nonnegative().max(Number.MAX_SAFE_INTEGER).optional(),
  moments: z.enum(['keep', 'fresh']).default('fresh'),
  dropout: z.boolean().default(true),
  frozenDropout: z.boolean().default(true),
  loggingSteps: whole.nonnegative().default(500),
  profile: z.union([z.string().min(1), z.instanceof(Profile)]).optional(),
  reportMs: z.number().nonnegative().default(200),
  evaluate: list.default([]),
  evaluateEvery: z.union([z.literal('epoch'), count]).default('epoch'),
  pauseEvery: list.default([]),
  pauseAt: list.default([]),
  onPause: z.custom<() => unknown>((value) => typeof value === 'function', 'expected a function').optional(),
  resume: object.optional(),
  signal: z.instanceof(AbortSignal).optional(),
});

export interface ResolveContext {
  readonly replicas: number;
  readonly seed: number;
  readonly heads: readonly Required<HeadOptions>[];
  readonly parameters: readonly ModelParameter[];
  dataset(split: EncodedSplit): number;
  head(name: string): number;
}

/** @throws ERR_INVALID_OPTION, ERR_UNKNOWN_OPTION, ERR_GROUP_EMPTY, ERR_PARAMETER_UNCLAIMED */
export function resolveTrain(context: ResolveContext, options: TrainOptions): RunPlan {
  const checked = check(schema, options, 'train');
  const { headNames, lengths, ...mixture } = resolveSources(context, options, checked.labelSmoothing);
  const batching = resolveBatching(options, checked, lengths);
  const { batchTokens } = batching;
  const batchesPerEpoch = batchTokens === undefined ? undefined : tokenBatches(batching.lengths, batchTokens);
  const K = context.replicas;
  const distributions = perReplica('rates', options.rates, K);
  const epochs = perReplica('epochs', checked.epochs, K);
  const schedules = perReplica('schedule', options.schedule ?? {}, K);
  const countsOf = (epochsOfOne: number): StepCounts =>
    countSteps({
      rows: totalRows(mixture.main),
      batchSize: checked.batchSize,
      accumulation: checked.gradientAccumulationSteps,
      epochs: epochsOfOne,
      maxSteps: checked.maxSteps,
      batchesPerEpoch,
    });
  const counts = countsOf(Math.max(...epochs));
  const phases = phaseSteps(distributions, counts.total).map((step) => {
    const { stage } = checked;
    const weightDecay = perReplica('weightDecay', checked.weightDecay, K);
    const at = { step, total: counts.total };
    return { step, ...buildPlan(context.parameters, distributions, { weightDecay, stage, at }) };
  });
  const rates = phases[0]!;
  for (const phase of phases) refuseFrozen(phase, context, headNames);
  const all = new Float64Array(K * counts.total);
  for (const [k, distribution] of distributions.entries()) {
    const own = factors(schedules[k]!, countsOf(epochs[k]!).total, referenceRate(distribution, checked.stage));
    all.set(own, k * counts.total);
  }
  // A replica that was frozen before an interruption stays as it is.
  for (const [k, step] of (options.resume?.nonFinite ?? []).entries())
    if (step >= 0) for (const phase of phases) phase.rates.fill(0, k * phase.groups, (k + 1) * phase.groups);

  return {
    counts,
    batching,
    plan: {
      groupOf: rates.groupOf,
      rates: rates.rates,
      decay: rates.decay,
      groups: rates.groups,
      optimizer: checked.optimizer,
      moments: checked.moments,
    },
    phases: phases.map(({ step, rates: table, decay }) => ({ step, rates: table, decay })),
    // The rates that the run ends with: what waits at first has its own there.
    groups: groupRows(context.parameters, distributions, phases.at(-1)!),
    part: mixture.parts[0]!,
    mixture,
    regularization: resolveRegularizers(options.regularizers, options.anchored, context),
    factors: all,
    clipNorm: checked.clipNorm,
    dropout: checked.dropout,
    frozenDropout: checked.frozenDropout,
    seed: checked.seed ?? context.seed,
    loggingSteps: checked.loggingSteps,
    profile: checked.profile,
    reportMs: checked.reportMs,
    evaluate: (options.evaluate ?? []).map(({ task, splits }) => ({ task, splits: splits ?? evaluationSplits(task) })),
    evaluateEvery: checked.evaluateEvery,
    pauseEvery: options.pauseEvery ?? [],
    pauseAt: options.pauseAt ?? [],
    onPause: options.onPause,
    resume: options.resume,
    signal: options.signal,
  };
}

function resolveBatching(
  { batchSize, batchTokens }: TrainOptions,
  { samplingStrategy: strategy }: { readonly samplingStrategy: Batching['strategy'] },
  lengths: () => Int32Array,
): Batching {
  if (batchSize !== undefined && batchTokens !== undefined)
    throw new LrdistError(
      'ERR_INVALID_OPTION',
      'batchTokens: batches have a number of rows or a number of tokens, not both',
      {
        remedy: 'Leave out batchSize or batchTokens.',
      },
    );
  const counted = batchTokens !== undefined || strategy === 'group_by_length';
  return { strategy, batchTokens, lengths: counted ? lengths() : new Int32Array() };
}

function perReplica<T>(option: string, given: T | readonly T[], replicas: number): readonly T[] {
  if (!isList(given)) return new Array<T>(replicas).fill(given);
  if (given.length !== replicas)
    throw new LrdistError(
      'ERR_INVALID_OPTION',
      `${option}: expected one, or one for each of the ${replicas} replicas, received ${given.length}`,
    );
  return given;
}

/** Array.isArray does not narrow readonly arrays. */
function isList<T>(given: T | readonly T[]): given is readonly T[] {
  return Array.isArray(given);
}

/** A replica in which nothing learns would only waste time; more likely a slip in the rates. */
function refuseFrozen(rates: RatePlan, context: ResolveContext, headNames: readonly string[]): void {
  const used = new Set(
    headNames.map((name) => (context.heads[context.head(name)]!.kind === 'masked-lm' ? 'cls.' : `classifier.${name}.`)),
  );
  const other = (name: string): boolean =>
    /^(classifier|cls)\./.test(name) && ![...used].some((prefix) => name.startsWith(prefix));
  for (let k = 0; k < context.replicas; k++) {
    const learns = context.parameters.some(
      ({ name }, p) => !other(name) && rates.rates[k * rates.groups + rates.groupOf[p]!]! > 0,
    );
    if (!learns)
      throw new LrdistError(
        'ERR_INVALID_OPTION',
        `rates: every part of the model has rate 0${context.replicas > 1 ? ` in distribution ${k + 1}` : ''}, so nothing would learn`,
        { remedy: 'Give at least one group a rate above 0.' },
      );
  }
}

/** The table shown before training: the groups of each replica's distribution, mapped to this model's layers. */
function groupRows(
  parameters: readonly ModelParameter[],
  distributions: readonly RateDistribution[],
  plan: RatePlan,
): GroupRow[] {
  const layers = layersOf(parameters.map(({ name }) => name));
  return distributions.flatMap((distribution, k) => {
    const { groups } = layers === 0 ? distribution : forLayers(distribution, layers);
    const rows = groups.map(({ name }) => ({
      replica: k,
      group: name,
      rate: 0,
      weightDecay: 0,
      tensors: 0,
      elements: 0,
    }));
    for (const [p, { shape }] of parameters.entries()) {
      const merged = plan.groupOf[p]!;
      const row = rows[plan.member[k]![merged]!]!;
      row.rate = plan.rates[k * plan.groups + merged]!;
      row.weightDecay = Math.max(row.weightDecay, plan.decay[k * plan.groups + merged]!);
      row.tensors += 1;
      row.elements += shape.reduce((product, n) => product * n, 1);
    }
    return rows;
  });
}

export function unknownHead(name: string, heads: readonly { readonly name: string }[]): LrdistError {
  const names = heads.map((head) => head.name);
  const near = nearest(name, names);
  return new LrdistError(
    'ERR_INVALID_OPTION',
    `the model has no head "${name}"; it has ${names.join(', ') || 'none'}`,
    {
      remedy: near === undefined ? 'Name the task when the model is opened, or add a head.' : `Did you mean ${near}?`,
    },
  );
}
