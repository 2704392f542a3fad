import { join } from 'node:path';
import { deviceKind } from '../../lib/native/devices.ts';
import type { BenchCase, BenchOptions, Precision } from '../lib/case.ts';
import { gpuFloor, type GpuRates } from '../lib/gpu-floor.ts';
import { type Found, interleave, spreads, valuesOf } from '../lib/interleave.ts';
import type { ModelShape } from '../lib/limit.ts';
import { modelFolder, stepsOf } from '../lib/models.ts';
import { flags, peerDevice, peerStep, processesSide, roundSeeds, shownAll, type StepSetting } from '../lib/programs.ts';
import { peersPython } from '../lib/python.ts';
import type { Measurement } from '../lib/results.ts';
import { number, root, runSide, type Side } from '../lib/side.ts';
import { type Spread, spread } from '../lib/statistics.ts';
import { times } from '../lib/text.ts';
import { ratesOf, trialSide } from '../lib/trials.ts';

const counts = [1, 2, 4, 8, 16, 32] as const;
/** Kernels are compiled, graphs recorded and libraries set up in them. */
const untimed = 30;
/** Trainer eager in its ways, compiled, and so many Trainer processes at once under MPS. */
const ways = ['dynamic', 'grouped', 'compiled', 'mps-4', 'mps-8', 'mps-16'] as const;

/** Steps of K distributions side by side on a GPU: time of one trial, its share of the floor, and Trainer's on the same card. */
export const gpuStep: BenchCase = {
  name: 'gpu-step',
  summary: `time per trial with ${counts.join(', ')} side by side on a GPU, against Trainer eager, compiled and in processes under MPS`,
  defaults: { device: 'cuda', models: ['bert-base'], precisions: ['bf16', 'fp32'], steps: 300, rounds: 3 },
  async *run(options, log) {
    for (const name of options.models)
      for (const precision of options.precisions) yield await measure(name, precision, options, log);
  },
};

async function measure(
  name: string,
  precision: Precision,
  options: BenchOptions,
  log: (line: string) => void,
): Promise<Measurement> {
  const { threads, rounds, batch, work, device } = options;
  const task = options.tasks[0]!;
  const model = await modelFolder(name, options);
  const timed = stepsOf(name, options.steps);
  const setting: StepSetting = {
    model,
    task,
    batch,
    threads,
    precision,
    work,
    device,
    untimed,
    steps: timed + untimed,
  };
  const peers = options.peers.length > 0 ? options.peers : ways;
  const used = peers.filter((way) => way !== 'none');
  const seeds = roundSeeds(rounds, options.seeds);
  const sides = (round: number): Side[] => [
    ...counts.map((count) => trialSide(`${count}`, ratesOf('flat', count), setting, seeds[round]!)),
    ...used.map((way) => peerSide(way, setting, seeds[round]!)),
  ];
  const rates = await ratesHere(precision, device, work);
  const found = await interleave(rounds, sides, (side, round, document) =>
    log(
      `${name} ${precision} round ${round + 1} of ${rounds}, ${side.name}: ${(1e6 * perTrialAndToken(document)).toFixed(3)} µs per trial and token`,
    ),
  );
  return {
    variant: [name, task, `b${batch}`, precision].join('-'),
    ...figures(found, used, { rates, batch, precision }),
    rates,
    commands: shownAll(sides(0), work),
    seeds,
    settings: { model: name, task, batch, precision, rounds, timedSteps: timed, untimed, counts, device },
    documents: Object.fromEntries(found),
  };
}

/** `mps-8`: eight processes of Trainer with dynamic padding. */
function peerSide(way: string, setting: StepSetting, seed: number): Side {
  const count = /^mps-(\d+)(@.*)?$/.exec(way);
  return count === null
    ? peerStep(way, setting, seed)
    : processesSide(way, peerStep(`dynamic${count[2] ?? ''}`, setting, seed), Number(count[1]), setting.work);
}

/** Rates of the card by PyTorch's own operators: a product of large matrices, and a copy. */
async function ratesHere(precision: Precision, device: string, work: string): Promise<GpuRates> {
  const program = join(root, 'bench', 'peers', 'gpu_rates.py');
  const document = await runSide({
    name: 'rates',
    command: [
      peersPython(work),
      program,
      ...flags({ device: peerDevice(device), precision, size: deviceKind(device) === 'cuda' ? 8192 : 1024 }),
    ],
  });
  return { flops: number(document, 'flops_per_second'), copyBytes: number(document, 'copy_bytes_per_second') };
}

/** Batches differ between the sides, so time counts per real token. */
function perTrialAndToken(document: Record<string, unknown>): number {
  const trials = (document['replicas'] ?? document['processes'] ?? 1) as number;
  return number(document, 'timed_seconds') / number(document, 'timed_tokens') / trials;
}

interface Context {
  readonly rates: GpuRates;
  readonly batch: number;
  readonly precision: Precision;
}

function figures(found: Found, peers: readonly string[], context: Context) {
  const seconds = valuesOf(found, perTrialAndToken);
  const of = (side: string): number[] => seconds[side]!;
  const against = (ours: string, way: string): Spread =>
    spread(of(way).map((theirs, round) => theirs / of(ours)[round]!));
  const ratios = (ours: string): Record<string, Spread> =>
    Object.fromEntries(peers.map((way) => [way, against(ours, way)]));
  const shares = Object.fromEntries(
    counts.map((count) => [count, spread(found.get(`${count}`)!.map((document) => shareOfFloor(document, context)))]),
  );
  const medians = counts.map((count) => spread(of(`${count}`)).median);
  const rises = medians.slice(1).map((value, i) => value / medians[i]! - 1);
  return {
    headline: [
      ...peers.map(
        (way) => `${times(against('1', way))} with one, ${times(against('16', way))} with 16 of Trainer ${way}`,
      ),
      `${(100 * shares['16']!.median).toFixed(0)} % of the floor with 16`,
    ].join('; '),
    ratiosOfOne: ratios('1'),
    ratiosOf16: ratios('16'),
    shares,
    secondsPerTrialAndToken: spreads(seconds),
    /** Greatest rise of a trial's time from one number side by side to the next; below 0 = it always falls. */
    greatestRise: Math.max(...rises),
  };
}

function shareOfFloor(document: Record<string, unknown>, { rates, batch, precision }: Context): number {
  const steps = number(document, 'timed_steps');
  const { shape, moved, converted, squaresPerRow } = document['work'] as {
    shape: ModelShape;
    moved: number;
    converted: number;
    squaresPerRow: number;
  };
  const work = {
    tokens: number(document, 'timed_tokens') / steps,
    rows: batch,
    squares: batch * squaresPerRow,
    moved,
    converted,
    precision: precision === 'bf16' ? ('bf16' as const) : ('fp32' as const),
  };
  const floor = gpuFloor(shape, work, rates).seconds;
  return floor / (number(document, 'timed_seconds') / steps / number(document, 'replicas'));
}
