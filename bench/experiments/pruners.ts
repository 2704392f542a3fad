/**
 * Early stopping on recorded trials: how many epochs each pruner needs until it has a trial as good as the best of a search without one.
 *
 *   node bench/experiments/pruners.ts --table bench/results/curves/trials-MODEL.jsonl.gz [--seeds 30] [--trials 50] [--dry-run]
 *
 * A search replays the curves of the recorded trials of one pair (of record-trials.ts): a point has the curve of the nearest one. Both searches of a comparison have the same sampler and seed.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { recordedCurves } from '../../lib/search/executors/recorded.ts';
import { simulatedExecutor } from '../../lib/search/executors/simulated.ts';
import { openStudy } from '../../lib/search/open-study.ts';
import { optimize } from '../../lib/search/optimize.ts';
import { createPruner } from '../../lib/search/pruners/create.ts';
import type { Space } from '../../lib/search/space.ts';
import type { Trial } from '../../lib/search/trial.ts';
import { saveResult } from '../lib/results.ts';
import { interval, type Interval, spread, type Spread } from '../lib/statistics.ts';

const { values } = parseArgs({
  options: {
    table: { type: 'string' },
    seeds: { type: 'string', default: '30' },
    trials: { type: 'string', default: '50' },
    samplers: { type: 'string', default: 'random,tpe' },
    'dry-run': { type: 'boolean', default: false },
  },
});

/** Epochs of a whole trial, as record-trials.ts has them. */
const maxStep = 4;
/** In batches of so many, as replicas of a session. */
const batchSize = 8;
/** As good as the best: the score of a pair on its 1,000 selection rows changes by more than this from seed to seed. */
const tolerance = 0.005;
const pruners = {
  'successive-halving, reduction 2': () => createPruner('successive-halving', { reduction: 2 }),
  'successive-halving, reduction 4': () => createPruner('successive-halving', { reduction: 4 }),
  'hyperband, reduction 2': () => createPruner('hyperband', { reduction: 2 }),
  'asha, reduction 4': () => createPruner('asha', { reduction: 4 }),
  median: () => createPruner('median'),
} as const;

interface Row {
  readonly pair: string;
  readonly sampler: string;
  readonly pruner: string;
  /** Of the search without pruner, as all shares here. */
  readonly epochsShare: Spread;
  readonly reachedShareOfSeeds: number;
  readonly untilAsGood: Spread | null;
  readonly untilAsGoodWithoutPruner: Spread;
  readonly bestDifference: Interval;
}

interface Line {
  readonly pair: string;
  readonly parameters: Trial['parameters'];
  readonly reports?: Trial['reports'];
  readonly values?: readonly number[];
}

if (values.table === undefined) {
  console.error('expected: node bench/experiments/pruners.ts --table FILE');
  process.exitCode = 2;
} else await compare(values.table);

async function compare(file: string): Promise<void> {
  const bytes = readFileSync(file);
  const lines = (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8').trim().split('\n');
  const pairs = Map.groupBy(
    lines.map((line) => JSON.parse(line) as Line).filter((line) => line.values !== undefined),
    ({ pair }) => pair,
  );
  const seeds = Array.from({ length: Number(values.seeds) }, (_, i) => i + 1);
  const rows: Row[] = [];
  for (const [pair, recorded] of pairs) {
    for (const sampler of values.samplers.split(',')) {
      const whole = await Promise.all(seeds.map((seed) => run(recorded, sampler, 'none', seed)));
      for (const [name, make] of Object.entries(pruners)) {
        const early = await Promise.all(seeds.map((seed) => run(recorded, sampler, make(), seed)));
        const shares = early.map(
          (search, i) => epochsUntil(search, bestOf(whole[i]!) - tolerance) / epochsOf(whole[i]!),
        );
        const reached = shares.filter(Number.isFinite);
        rows.push({
          pair,
          sampler,
          pruner: name,
          epochsShare: spread(early.map((search, i) => epochsOf(search) / epochsOf(whole[i]!))),
          reachedShareOfSeeds: reached.length / shares.length,
          untilAsGood: reached.length === 0 ? null : spread(reached),
          untilAsGoodWithoutPruner: spread(
            whole.map((search) => epochsUntil(search, bestOf(search) - tolerance) / epochsOf(search)),
          ),
          bestDifference: interval(early.map((search, i) => bestOf(search) - bestOf(whole[i]!))),
        });
        const row = rows.at(-1)!;
        console.log(
          `${pair} ${sampler} ${name}: ${percent(row.epochsShare.median)} of the epochs, as good in ${percent(row.reachedShareOfSeeds)} of seeds after ${row.untilAsGood === null ? '-' : percent(row.untilAsGood.median)} (without ${percent(row.untilAsGoodWithoutPruner.median)}); best ${(100 * row.bestDifference.mean).toFixed(2)} points [${(100 * row.bestDifference.low).toFixed(2)}, ${(100 * row.bestDifference.high).toFixed(2)}]`,
        );
      }
    }
  }
  const name = 'successive-halving, reduction 4';
  const own = rows.filter(({ pruner }) => pruner === name);
  const mean = (pick: (row: (typeof rows)[number]) => number): number =>
    own.reduce((sum, row) => sum + pick(row), 0) / own.length;
  const measurement = {
    headline: `${name}, ${pairs.size} recorded pairs: ${percent(mean((row) => row.epochsShare.median))} of the epochs; as good as the search without pruner (within ${100 * tolerance} points) in ${percent(mean((row) => row.reachedShareOfSeeds))} of the seeds, by then with ${percent(mean((row) => row.untilAsGood?.median ?? NaN))} of its epochs; best ${(100 * mean((row) => row.bestDifference.mean)).toFixed(1)} points apart`,
    commands: {
      lrdist: `node bench/experiments/pruners.ts --table ${file.replace(/^.*?bench\//, 'bench/')} --seeds ${values.seeds} --trials ${values.trials}`,
    },
    seeds,
    settings: {
      trials: Number(values.trials),
      batchSize,
      tolerance,
      samplers: values.samplers,
      recorded: lines.length,
    },
    rows,
  };
  if (!values['dry-run']) console.log(saveResult('pruners', measurement));
}

async function run(
  recorded: readonly Line[],
  sampler: string,
  pruner: Parameters<typeof openStudy>[0]['pruner'],
  seed: number,
): Promise<readonly Trial[]> {
  const space = spaceOf(recorded);
  const trials = recorded.map((line) => ({ ...line, state: 'complete', attributes: {} }) as unknown as Trial);
  const curve = recordedCurves(trials, space);
  await using study = await openStudy({
    name: 'replay',
    space,
    directions: 'maximize',
    seed,
    maxStep,
    sampler,
    ...(pruner === undefined ? {} : { pruner }),
  });
  await optimize(study, simulatedExecutor({ curve, batchSize }), { trials: Number(values.trials) });
  return study.trials();
}

function spaceOf(recorded: readonly Line[]): Space {
  const names = Object.keys(recorded[0]!.parameters);
  const all = (name: string): number[] => recorded.map(({ parameters }) => parameters[name] as number);
  return Object.fromEntries(
    names.map((name) => [
      name,
      { kind: 'float', low: Math.min(...all(name)), high: Math.max(...all(name)), log: true },
    ]),
  );
}

function epochsOf(trials: readonly Trial[]): number {
  return trials.reduce((sum, trial) => sum + lastStep(trial), 0);
}

/** Epochs that were spent when the first trial was complete that is as good; Infinity if none is. */
function epochsUntil(trials: readonly Trial[], value: number): number {
  let spent = 0;
  for (const [i, trial] of trials.entries()) {
    spent += lastStep(trial);
    // Trials of a batch end together.
    const batch = trials.slice(i - (i % batchSize), i + 1);
    if ((i + 1) % batchSize !== 0 && i + 1 < trials.length) continue;
    if (batch.some((each) => each.state === 'complete' && each.values![0]! >= value)) return spent;
  }
  return Infinity;
}

function bestOf(trials: readonly Trial[]): number {
  return Math.max(...trials.filter(({ state }) => state === 'complete').map((trial) => trial.values![0]!));
}

/** A complete trial's last step is not among its reports. */
function lastStep({ state, reports }: Trial): number {
  return state === 'complete' ? maxStep : (reports.at(-1)?.step ?? 0);
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}
