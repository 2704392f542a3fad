import { join } from 'node:path';
import { tmpdir } from 'node:os';
import { flat } from '../../lib/rates/distribution.ts';
import { toDocument } from '../../lib/rates/file.ts';
import { baseModel } from '../../lib/demo/base-model.ts';
import { searchPairs } from '../../lib/demo/search.ts';
import { loadDemoTask } from '../../lib/demo/load.ts';
import { fullDemo } from '../../lib/demo/settings.ts';
import { loadPair } from '../../lib/pair-search/pair.ts';
import { pairObjective } from '../../lib/pair-search/pair-objective.ts';
import { type PairSpec, pairSpec } from '../../lib/pair-search/spec.ts';
import { createRandom } from '../../lib/random.ts';
import { createSampler } from '../../lib/search/samplers/create.ts';
import type { Job } from '../../lib/search/executor.ts';
import { type BenchCase, data } from '../lib/case.ts';
import { spread } from '../lib/statistics.ts';

const trials = 16;
const rows = 1000;
const widths = [1, 4, 16] as const;
const demoTrials = 50;

/** CPU time of this process so far, in seconds. */
function clock(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

const tasks = ['qnli', 'sst2'] as const;

const spec = (): PairSpec =>
  pairSpec({
    model: join(data(), 'models', 'bert-tiny-uncased-mlm'),
    dataDir: join(data(), 'glue'),
    tasks,
    maxTrainSamples: rows,
    selectionRows: 500,
    training: { epochs: 2, batchSize: 32 },
    firstRates: toDocument(flat(3e-4)),
    session: { threads: 1, matmul: 'onednn' },
    cache: false,
  });

/** All trials in batches of so many, in one session. CPU seconds with and without what is paid once: tasks, model and first stage. */
async function fused(width: number): Promise<{ trials: number; once: number }> {
  const began = clock();
  const pair = await loadPair(spec());
  await using objective = pairObjective(pair);
  await objective.session();
  const once = clock() - began;
  const random = createRandom(1);
  const points = createSampler('random').suggest({
    space: pair.space.space,
    directions: ['maximize'],
    trials: [],
    count: trials,
    random,
  });
  const jobs = points.map((parameters, trial): Job => ({ trial, attempt: 1, parameters }));
  const context = {
    signal: new AbortController().signal,
    rungs: [],
    maxStep: 2,
    report: async () => [],
    progress: () => undefined,
  };
  for (let from = 0; from < trials; from += width) await objective.run(jobs.slice(from, from + width), context);
  return { trials: clock() - began - once, once };
}

/** Wall seconds of a search on one pair of the demo's tasks, its model pretrained before. */
async function demoSearch(threads: number): Promise<number> {
  const settings = {
    ...fullDemo,
    search: { ...fullDemo.search, pairs: [['mood', 'topic']] as const, trials: demoTrials },
  };
  const cache = join(tmpdir(), 'lrdist-bench', 'demo');
  const { folder } = await baseModel(settings, { cache, threads });
  const began = performance.now();
  await searchPairs({
    settings,
    folder,
    load: (task) => loadDemoTask(task, folder, settings.rows),
    seed: 1,
    threads,
    onEvent: () => undefined,
  });
  return (performance.now() - began) / 1000;
}

/** What trials side by side save. */
export const search: BenchCase = {
  name: 'search',
  summary: `${trials} trials of bert-tiny on QNLI then SST-2, ${rows} rows, one by one and side by side, one thread; ${demoTrials} trials of the demo`,
  async run({ rounds, threads }, log) {
    const found: Record<string, { trials: number; once: number }[]> = {};
    for (let round = 0; round < rounds; round++) {
      for (const width of widths) {
        const times = await fused(width);
        (found[width] ??= []).push(times);
        log(
          `${width} side by side, round ${round + 1} of ${rounds}: ${(times.trials / trials).toFixed(2)} CPU s a trial, ${times.once.toFixed(2)} s once`,
        );
      }
    }
    const ratio = (width: number): ReturnType<typeof spread> =>
      spread(found[width]!.map(({ trials: time }, i) => time / found[1]![i]!.trials));
    const once = spread(found[1]!.map((times) => times.once / (times.trials / trials))).median;
    const seconds = await demoSearch(threads);
    return {
      headline: `CPU time of a trial against trials one by one: ${widths
        .slice(1)
        .map((width) => `${width} side by side ${ratio(width).median.toFixed(2)}`)
        .join(
          ', ',
        )}; tasks, model and first stage, paid once, cost as much as ${once.toFixed(1)} trials; ${demoTrials} trials of the demo take ${seconds.toFixed(0)} s`,
      commands: { lrdist: `npm run bench -- search --rounds ${rounds} --threads ${threads}` },
      seeds: [1],
      settings: {
        model: 'bert-tiny',
        tasks,
        rows,
        trials,
        epochs: 2,
        threads: 1,
        demo: { trials: demoTrials, threads },
      },
      ratios: Object.fromEntries(widths.map((width) => [width, ratio(width)])),
      cpuSeconds: found,
      demoSeconds: seconds,
    };
  },
};
