/** `lrdist search --dry_run`: what would be searched, and an estimate of its time from a few real steps. */
import { estimateShift } from '../../forgetting/estimate.ts';
import { knownDistributions, knownPoints } from '../../pair-search/known-points.ts';
import { loadPair, type Pair } from '../../pair-search/pair.ts';
import { lastStep } from '../../pair-search/stage-training.ts';
import { type PairSpecInput, pairSpec } from '../../pair-search/spec.ts';
import { fromDocument } from '../../rates/file.ts';
import { flat, formatRate, type RateDistribution, referenceRate } from '../../rates/distribution.ts';
import type { Parameter, Space } from '../../search/space.ts';
import { rowsOf, splitOf } from '../../train/task.ts';
import { formatSeconds } from '../progress.ts';
import type { CommandContext } from '../run.ts';
import { optional } from '../training/inputs.ts';
import type { SearchPlan } from './plan.ts';

export interface PlannedSearch {
  readonly document: PlanDocument;
  readonly text: () => string;
}

interface PlanDocument {
  readonly dry_run: true;
  readonly study: string;
  readonly tasks: readonly { readonly task: string; readonly train_rows: number; readonly scored_rows: number }[];
  readonly space: Space;
  readonly known: readonly string[];
  readonly known_left_out: readonly string[];
  readonly trials: number;
  readonly trials_per_batch: number;
  readonly batches: number;
  readonly max_epochs: number;
  readonly objectives: readonly string[];
  readonly estimated_seconds: number;
}

export async function plannedSearch(
  plan: SearchPlan,
  spec: PairSpecInput,
  study: string,
  { signal }: CommandContext,
): Promise<PlannedSearch> {
  const pair = await loadPair(pairSpec(spec), signal);
  const batch = Math.min(plan.batchSize, plan.trials);
  const { points, left } = knownPoints(pair.space, plan.known ?? defaults(pair));
  const seconds = await estimate(pair, plan, batch, signal);
  const document: PlanDocument = {
    dry_run: true,
    study,
    tasks: pair.options.tasks.map((task) => ({
      task: task.name,
      train_rows: rowsOf(splitOf(task, 'train')),
      scored_rows: rowsOf(splitOf(task, pair.options.split!)),
    })),
    space: pair.space.space,
    known: points.map(({ distribution }) => distribution.name),
    known_left_out: left,
    trials: plan.trials,
    trials_per_batch: batch,
    batches: Math.ceil(plan.trials / batch),
    max_epochs: lastStep(pair.options),
    objectives: pair.objective.names,
    estimated_seconds: seconds,
  };
  return { document, text: () => textOf(document, pair) };
}

function textOf(
  {
    study,
    tasks,
    space,
    known,
    known_left_out,
    trials,
    batches,
    trials_per_batch,
    max_epochs,
    estimated_seconds,
  }: PlanDocument,
  { spec }: Pair,
): string {
  const rows = tasks.map(
    ({ task, train_rows, scored_rows }) => `${task} (${train_rows} rows to train on, ${scored_rows} to score on)`,
  );
  return [
    `${study}: ${rows.join(', then ')}; ${spec.mode} mode, ${max_epochs} epoch${max_epochs > 1 ? 's' : ''} at most`,
    `space, ${Object.keys(space).length} dimensions:`,
    ...spaceLines(space),
    `tried first: ${known.length === 0 ? 'nothing' : known.join(', ')}${known_left_out.length === 0 ? '' : `; the space cannot express ${known_left_out.join(', ')}`}`,
    `${trials} trials in ${batches} batches of ${trials_per_batch} side by side`,
    `about ${formatSeconds(estimated_seconds)} if no trial is ended early`,
  ].join('\n');
}

function spaceLines(space: Space): string[] {
  return Object.entries(space).map(([name, parameter]) => `  ${name}  ${parameterText(parameter)}`);
}

function parameterText(parameter: Parameter): string {
  if (parameter.kind === 'categorical') return parameter.choices.join(', ');
  return `${formatRate(parameter.low)} to ${formatRate(parameter.high)}${parameter.log === true ? ', logarithmic' : ''}`;
}

function defaults({ layers, spec }: Pair): readonly RateDistribution[] {
  return knownDistributions(
    layers,
    spec.firstRates === undefined ? 5e-5 : referenceRate(fromDocument(spec.firstRates)),
  );
}

/** In keep mode the first stage comes once, and with it the scores of the first task. */
async function estimate(
  pair: Pair,
  { trials, processes }: SearchPlan,
  batch: number,
  signal: AbortSignal,
): Promise<number> {
  const { options } = pair;
  const { stages, seconds } = await estimateShift({
    model: options.model,
    tasks: options.tasks,
    distributions: Array.from({ length: batch }, (_, k) => flat(1e-5 * (1 + k), pair.layers)),
    mode: pair.spec.mode,
    split: options.split!,
    seeds: [options.seed ?? 42],
    training: options.training ?? {},
    firstTraining: options.firstTraining ?? {},
    session: options.session ?? {},
    signal,
    ...optional('firstRates', options.firstRates),
    ...optional('firstModel', options.firstModel),
  });
  const shared = pair.spec.mode === 'keep' ? stages.find(({ stage }) => stage === 1) : undefined;
  const once = shared === undefined ? 0 : shared.steps * shared.seconds_per_step;
  return once + (Math.ceil(trials / batch) * (seconds - once)) / Math.max(1, processes);
}
