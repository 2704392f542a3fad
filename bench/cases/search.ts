import { join } from 'node:path';
import { baseModel } from '../../lib/demo/base-model.ts';
import { searchPairs } from '../../lib/demo/search.ts';
import { loadDemoTask } from '../../lib/demo/load.ts';
import { fullDemo } from '../../lib/demo/settings.ts';
import { type BenchCase, type BenchOptions, data } from '../lib/case.ts';
import { fusedTrials, small, type TrialTimes } from '../lib/fused-trials.ts';
import { interleave, ratiosTo, spreads, valuesOf } from '../lib/interleave.ts';
import { flags, glue, ours, shownAll } from '../lib/programs.ts';
import { peersPython } from '../lib/python.ts';
import { number, root, type Side } from '../lib/side.ts';
import { spread } from '../lib/statistics.ts';
import { times } from '../lib/text.ts';

const { trials } = small;
const widths = [1, 4, 16] as const;
const demoTrials = 50;

/** CPU time of this process so far, in seconds. */
function clock(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** Trials an hour of this search, and of Trainer with Optuna on the same rows: one process each, one rate or one for each layer. */
async function againstOptuna({ rounds, threads, work }: BenchOptions, log: (line: string) => void) {
  const own: Side = {
    name: ours,
    command: [process.execPath, join(root, 'bench', 'sides', 'search.ts'), ...flags({ threads })],
  };
  const { model, tasks, rows, selectionRows, epochs, batch } = small;
  const peer: Side = {
    name: 'Trainer and Optuna',
    command: [
      ...([peersPython(work), join(root, 'bench', 'peers', 'hf_optuna.py'), '--tasks', ...tasks] as const),
      ...flags({ model: join(data(), 'models', model), data_dir: glue(), tokens: join(work, 'tokens') }),
      ...flags({ rows, selection_rows: selectionRows, epochs, batch, trials, threads }),
    ],
  };
  const found = await interleave(
    rounds,
    () => [own, peer],
    (side, round, document) =>
      log(`${side.name}, round ${round + 1} of ${rounds}: ${perHour(document).toFixed(0)} trials an hour`),
  );
  return {
    ratios: ratiosTo(
      ours,
      valuesOf(found, (document) => 1 / perHour(document)),
    ),
    trialsPerHour: spreads(valuesOf(found, perHour)),
    onceSeconds: spreads(valuesOf(found, (document) => number(document, 'once_seconds'))),
    commands: shownAll([own, peer], work),
    versions: found.get(peer.name)![0]!['versions'],
  };
}

function perHour(document: Record<string, unknown>): number {
  return (3600 * number(document, 'trials')) / number(document, 'trial_seconds');
}

/** Wall seconds of a search on one pair of the demo's tasks, its model pretrained before. */
async function demoSearch(threads: number, work: string): Promise<number> {
  const settings = {
    ...fullDemo,
    search: { ...fullDemo.search, pairs: [['mood', 'topic']] as const, trials: demoTrials },
  };
  const cache = join(work, 'demo');
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
  summary: `${trials} trials of bert-tiny on QNLI then SST-2, ${small.rows} rows, one by one and side by side, and against Trainer with Optuna; ${demoTrials} trials of the demo`,
  async run(options, log) {
    const { rounds, threads, work } = options;
    const found: Record<string, TrialTimes[]> = {};
    for (let round = 0; round < rounds; round++) {
      for (const width of widths) {
        const measured = await fusedTrials(width, { threads: 1, matmul: 'onednn' }, clock);
        (found[width] ??= []).push(measured);
        log(
          `${width} side by side, round ${round + 1} of ${rounds}: ${(measured.trials / trials).toFixed(2)} CPU s a trial, ${measured.once.toFixed(2)} s once`,
        );
      }
    }
    const ratio = (width: number): ReturnType<typeof spread> =>
      spread(found[width]!.map(({ trials: time }, i) => time / found[1]![i]!.trials));
    const once = spread(found[1]!.map((one) => one.once / (one.trials / trials))).median;
    const seconds = await demoSearch(threads, work);
    const optuna = await againstOptuna(options, log);
    return {
      headline: `CPU time of a trial against trials one by one: ${widths
        .slice(1)
        .map((width) => `${width} side by side ${ratio(width).median.toFixed(2)}`)
        .join(
          ', ',
        )}; tasks, model and first stage, paid once, cost as much as ${once.toFixed(1)} trials; ${demoTrials} trials of the demo take ${seconds.toFixed(0)} s; ${times(Object.values(optuna.ratios)[0]!)} the trials an hour of Trainer with Optuna`,
      commands: {
        'side by side': `npm run bench -- search --rounds ${rounds} --threads ${threads}`,
        ...optuna.commands,
      },
      seeds: [1],
      versions: optuna.versions,
      settings: { ...small, threads: { 'side by side': 1, optuna: threads }, demo: { trials: demoTrials, threads } },
      optuna,
      ratios: Object.fromEntries(widths.map((width) => [width, ratio(width)])),
      cpuSeconds: found,
      demoSeconds: seconds,
    };
  },
};
