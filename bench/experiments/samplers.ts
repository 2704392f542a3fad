/**
 * Samplers against Optuna's: standard functions, some trials, many seeds, one trial at a time and in batches. Both sides run in turn, on the same functions with the same noise.
 *
 *   node bench/experiments/samplers.ts --work FOLDER [options]            # a line in FOLDER/runs.jsonl for each study; finished ones are passed over
 *   node bench/experiments/samplers.ts --work FOLDER --summary [--save]   # the comparison of what is there; --save writes bench/results/samplers-*.json
 *
 * --table FILE adds recorded trials (of record-trials.ts), a function for each pair: see samplers/table.ts.
 */
import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { createSampler } from '../../lib/search/samplers/create.ts';
import { saveResult } from '../lib/results.ts';
import { askTime } from './samplers/ask-time.ts';
import { type Peer, startPeer } from './samplers/peer.ts';
import { problems as functions } from './samplers/problems.ts';
import { oursAsked, peerAsked, runStudy } from './samplers/study.ts';
import { type Comparison, compare, type Run } from './samplers/summary.ts';
import { tableProblems } from './samplers/table.ts';

const { values } = parseArgs({
  options: {
    work: { type: 'string' },
    samplers: { type: 'string', default: 'tpe,gp' },
    batches: { type: 'string', default: '1,8' },
    seeds: { type: 'string', default: '30' },
    /** The Gaussian process's priors were chosen on these functions with seeds 1 to 16, TPE's narrowest kernel with 201 to 260: the comparison uses others. */
    'first-seed': { type: 'string', default: '101' },
    trials: { type: 'string', default: '50' },
    problems: { type: 'string' },
    sides: { type: 'string', default: 'random,ours,peer' },
    table: { type: 'string', multiple: true, default: [] },
    summary: { type: 'boolean', default: false },
    save: { type: 'boolean', default: false },
  },
});

const names = values.samplers.split(',');
const batches = values.batches.split(',').map(Number);
const seeds = Array.from({ length: Number(values.seeds) }, (_, i) => Number(values['first-seed']) + i);
const trials = Number(values.trials);
const wanted = values.problems?.split(',');
const problems = [...functions, ...values.table.flatMap(tableProblems)].filter(
  ({ name }) => wanted?.includes(name) ?? true,
);

if (values.work === undefined) {
  console.error('expected: node bench/experiments/samplers.ts --work FOLDER');
  process.exitCode = 2;
} else {
  mkdirSync(values.work, { recursive: true });
  const file = join(values.work, 'runs.jsonl');
  if (!values.summary) await runAll(file);
  summarise(readRuns(file));
}

type Plan = Omit<Run, 'regret' | 'askSeconds'>;

/** Seeds outermost: every function has one seed before any has two. */
function plans(): Plan[] {
  const sides = values.sides.split(',');
  const of = (side: Run['side'], sampler: string, batch: number) =>
    sides.includes(side) ? [{ side, sampler, batch }] : [];
  const each = [
    ...of('random', 'random', 1),
    ...names.flatMap((sampler) =>
      batches.flatMap((batch) => [...of('ours', sampler, batch), ...of('peer', sampler, batch)]),
    ),
  ];
  return seeds.flatMap((seed) => problems.flatMap(({ name }) => each.map((one) => ({ ...one, problem: name, seed }))));
}

async function runAll(file: string): Promise<void> {
  const done = new Set(readRuns(file).map(keyOf));
  const missing = plans().filter((plan) => !done.has(keyOf(plan)));
  const peer = missing.some(({ side }) => side === 'peer') ? startPeer() : undefined;
  for (const [i, plan] of missing.entries()) {
    const { regret, askSeconds } = await runPlan(plan, peer);
    appendFileSync(file, `${JSON.stringify({ ...plan, regret, askSeconds } satisfies Run)}\n`);
    if (i % 20 === 19) console.error(`${i + 1} of ${missing.length} studies`);
  }
  peer?.close();
}

async function runPlan(plan: Plan, peer: Peer | undefined) {
  const { side, sampler, batch, seed } = plan;
  const problem = problems.find(({ name }) => name === plan.problem)!;
  const asked =
    side === 'peer' ? await peerAsked(peer!, sampler, problem, seed) : oursAsked(own(sampler, seed), problem, seed);
  return runStudy(asked, problem, { trials, batch, seed });
}

function own(sampler: string, seed: number) {
  // The Gaussian process begins with a Sobol sequence: another one for each study.
  return createSampler(sampler, sampler === 'gp' ? { seed } : {});
}

function keyOf({ problem, sampler, side, batch, seed }: Plan): string {
  return [problem, sampler, side, batch, seed].join();
}

function readRuns(file: string): Run[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').trim().split('\n').filter(Boolean);
  return lines.map((line) => JSON.parse(line) as Run).filter(({ seed }) => seeds.includes(seed));
}

function summarise(runs: readonly Run[]): void {
  const present = problems.filter(({ name }) => runs.some(({ problem }) => problem === name)).map(({ name }) => name);
  const pairs = names.flatMap((sampler) => batches.map((batch) => ({ sampler, batch })));
  const comparisons = pairs.flatMap(({ sampler, batch }) => compare(runs, sampler, batch, present));
  for (const row of comparisons) console.log(lineOf(row));
  const seconds = pairs.flatMap(({ sampler, batch }) =>
    (['ours', 'peer'] as const).map((side) => medianAsk(runs, sampler, batch, side)),
  );
  for (const { sampler, batch, side, milliseconds } of seconds)
    console.log(`ask ${sampler} batch ${batch} ${side}: ${milliseconds.toFixed(1)} ms`);
  if (values.save) console.error(save(runs, comparisons, seconds, present));
}

function medianAsk(runs: readonly Run[], sampler: string, batch: number, side: Run['side']) {
  const own = runs.filter((run) => run.sampler === sampler && run.batch === batch && run.side === side);
  const sorted = own.map(({ askSeconds }) => askSeconds).sort((a, b) => a - b);
  return { sampler, batch, side, milliseconds: 1000 * (sorted[Math.floor(sorted.length / 2)] ?? Number.NaN) };
}

function lineOf({ sampler, batch, problem, ours, peer, relative, decades }: Comparison): string {
  const percent = (v: number) => `${(100 * v).toFixed(0)} %`;
  return (
    `${sampler} batch ${batch} ${problem.padEnd(16)} ours ${ours.toPrecision(3)} peer ${peer.toPrecision(3)} ` +
    `difference ${percent(relative.mean)} (${percent(relative.low)} to ${percent(relative.high)}), ` +
    `decades ${decades.mean.toFixed(2)} (${decades.low.toFixed(2)} to ${decades.high.toFixed(2)})`
  );
}

function save(
  runs: readonly Run[],
  comparisons: readonly Comparison[],
  askTimes: readonly object[],
  present: readonly string[],
): string {
  const overall = comparisons.filter(({ problem }) => problem === 'all');
  const bounds = overall.map(
    ({ sampler, batch, relative }) =>
      `${sampler} batch ${batch}: ${(100 * relative.mean).toFixed(0)} % (at most ${(100 * relative.high).toFixed(0)} %)`,
  );
  const tables = values.table.map((file) => ` --table ${basename(file)}`).join('');
  return saveResult('samplers', {
    headline: `normalised regret against Optuna's after ${trials} trials, ${seeds.length} seeds: ${bounds.join('; ')}`,
    commands: {
      both: `node bench/experiments/samplers.ts --work FOLDER --seeds ${seeds.length} --first-seed ${seeds[0]} --trials ${trials}${tables}`,
      summary: `node bench/experiments/samplers.ts --work FOLDER --seeds ${seeds.length} --first-seed ${seeds[0]} --trials ${trials} --summary --save${tables}`,
    },
    seeds,
    trials,
    problems: present,
    tuned:
      "the Gaussian process's priors and power transform were chosen on these functions, with seeds 1 to 16, and the width of TPE's narrowest kernel with seeds 201 to 260",
    normalised: 'regret divided by the mean regret of random search with as many trials',
    comparisons,
    askMilliseconds: askTimes,
    askInLargeStudies: [askTime('tpe', 1000), askTime('gp', 300)],
    regrets: runs.map(({ problem, sampler, side, batch, seed, regret }) => [
      problem,
      sampler,
      side,
      batch,
      seed,
      Number(regret.toPrecision(5)),
    ]),
  });
}
