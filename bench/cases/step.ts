import type { BenchCase, BenchOptions, Precision } from '../lib/case.ts';
import { type Found, interleave, ratiosTo, ratiosToBest, spreads, valuesOf } from '../lib/interleave.ts';
import { type MeasuredPeaks, type ModelShape, ratesFrom, stepLimit, stepLinears, type StepWork } from '../lib/limit.ts';
import { modelFolder, stepsOf } from '../lib/models.ts';
import { ours, ownStep, peerStep, roundSeeds, shownAll, stepPeers, type StepSetting } from '../lib/programs.ts';
import type { Measurement } from '../lib/results.ts';
import { number } from '../lib/side.ts';
import { spread } from '../lib/statistics.ts';
import { times } from '../lib/text.ts';

/** Steps before the timed ones: they set up libraries and memory. torch.compile gets more, for its compilations. */
const untimed = 2;
const untimedCompiled = 6;
/** Runs of each matrix product; the fastest counts. */
const peakRounds = 5;

/**
 * Training speed at the same rows, batch, precision and threads: lrdist against Trainer in several ways and a plain PyTorch loop.
 * Time per real token, as the batches of a round differ between the sides; share of the limit.
 */
export const step: BenchCase = {
  name: 'step',
  summary: 'training steps against Hugging Face Trainer and a plain PyTorch loop, and the share of the limit',
  defaults: { steps: 27 },
  async *run(options, log) {
    for (const name of options.models)
      for (const task of options.tasks)
        for (const precision of options.precisions) yield await measure({ name, task, precision }, options, log);
  },
};

interface Which {
  readonly name: string;
  readonly task: string;
  readonly precision: Precision;
}

async function measure(which: Which, options: BenchOptions, log: (line: string) => void): Promise<Measurement> {
  const { name, task, precision } = which;
  const { batch, threads, rounds, work, seeds } = options;
  const model = await modelFolder(name, options);
  const timed = stepsOf(name, options.steps);
  const setting = { model, task, batch, steps: timed + untimed, untimed, threads, precision, work };
  const ways = options.peers.length > 0 ? options.peers : stepPeers;
  const used = roundSeeds(rounds, seeds);
  const sides = (round: number) => [
    ownStep(setting, used[round]!, { peaks: peakRounds }),
    ...ways.map((way) => peerStep(way, forWay(way, setting, timed), used[round]!)),
  ];
  const variant = [name, task, `b${batch}`, precision].join('-');
  const found = await interleave(rounds, sides, (side, round, document) =>
    log(`${variant} round ${round + 1} of ${rounds}: ${side.name} ${rate(document, 'timed_rows').toFixed(1)} rows/s`),
  );
  return {
    variant,
    ...figures(found, setting),
    commands: shownAll(sides(0), work),
    seeds: used,
    versions: found.get(ways[0] ?? ours)![0]!['versions'],
    settings: { model: name, task, batch, threads, precision, rounds, timedSteps: timed, untimed, untimedCompiled },
    documents: Object.fromEntries(found),
  };
}

function forWay(way: string, setting: StepSetting, timed: number): StepSetting {
  return way.startsWith('compiled')
    ? { ...setting, untimed: untimedCompiled, steps: timed + untimedCompiled }
    : setting;
}

function figures(found: Found, setting: StepSetting): { headline: string; [figure: string]: unknown } {
  const secondsPerToken = valuesOf(found, (document) => 1 / rate(document, 'timed_tokens'));
  const ratios = ratiosTo(ours, secondsPerToken);
  const limits = found.get(ours)!.map(limitOf);
  const share = spread(limits.map(({ share }) => share));
  return {
    headline: [
      ...Object.entries(ratios).map(
        ([way, ratio]) => `${times(ratio)} ${way.replace(/^(?!loop)/, 'Trainer ').replace(/^loop/, 'a PyTorch loop')}`,
      ),
      `${(100 * share.median).toFixed(0)} % of the limit (${setting.precision}, ${setting.threads} threads)`,
    ].join('; '),
    ratios,
    ratiosToBest: ratiosToBest(ours, secondsPerToken),
    share,
    limits,
    rowsPerSecond: spreads(valuesOf(found, (document) => rate(document, 'timed_rows'))),
    tokensPerSecond: spreads(valuesOf(found, (document) => rate(document, 'timed_tokens'))),
    cpuSecondsPerThousandTokens: spreads(
      valuesOf(found, (document) => (1000 * number(document, 'timed_cpu_seconds')) / number(document, 'timed_tokens')),
    ),
    untimedSeconds: spreads(valuesOf(found, (document) => number(document, 'untimed_seconds'))),
  };
}

function rate(document: Record<string, unknown>, what: 'timed_rows' | 'timed_tokens'): number {
  return number(document, what) / number(document, 'timed_seconds');
}

/** The limit by the rates measured in the same process, and what share of it the steps reached. */
function limitOf(document: Record<string, unknown>) {
  const { shape, work, peaks } = document as unknown as {
    shape: ModelShape;
    work: StepWork;
    peaks: MeasuredPeaks;
  };
  const limit = stepLimit(shape, work, ratesFrom(stepLinears(shape, work), peaks));
  const seconds = number(document, 'timed_seconds') / number(document, 'timed_steps');
  return { ...limit, copyRate: peaks.copyBytesPerSecond, measuredSeconds: seconds, share: limit.seconds / seconds };
}
