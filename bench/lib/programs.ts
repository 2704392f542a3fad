/** Command lines of the programs that are compared. */
import { join } from 'node:path';
import { deviceNames } from '../../lib/native/devices.ts';
import { cli, data, hfTrainer, type Precision } from './case.ts';
import { findPython, peersPython } from './python.ts';
import { root, shown, type Side } from './side.ts';

/** Training steps of one model on one task, the same for every side. */
export interface StepSetting {
  readonly model: string;
  readonly task: string;
  readonly batch: number;
  /** Of these the first `untimed` are timed apart. */
  readonly steps: number;
  readonly untimed: number;
  readonly threads: number;
  readonly precision: Precision;
  /** Default `cpu`. */
  readonly device?: string;
  readonly work: string;
}

export const glue = (): string => join(data(), 'glue');

/** Names and values as a command line; `true` is a flag, `false` is left out. */
export function flags(values: Readonly<Record<string, string | number | boolean>>): string[] {
  return Object.entries(values)
    .filter(([, value]) => value !== false)
    .flatMap(([name, value]) => (value === true ? [`--${name}`] : [`--${name}`, String(value)]));
}

export const precisionFlags = (precision: Precision): { bf16: boolean; tf32: boolean } => ({
  bf16: precision === 'bf16',
  tf32: precision === 'tf32',
});

/** Of a rehearsal the peers' part is on the processor. @throws Error for several devices, on which they are not started */
export function peerDevice(device: string): string {
  if (deviceNames(device).length > 1 || device === 'cuda:all')
    throw new Error(`--device: the programs that lrdist is compared with run on one device, received ${device}`);
  return device === 'emulated' ? 'cpu' : device;
}

const peerFlags = (s: StepSetting, seed: number): string[] =>
  flags({
    ...{ model: s.model, task: s.task, data_dir: glue(), seed, batch: s.batch, max_steps: s.steps },
    ...{ untimed: s.untimed, threads: s.threads, ...precisionFlags(s.precision), tokens: join(s.work, 'tokens') },
    ...(s.device === undefined ? {} : { device: peerDevice(s.device) }),
  });

/** Ways of Trainer, by the names of --peers. */
export const trainerWays: Readonly<Record<string, readonly string[]>> = {
  padded: ['--padding', 'max_length'],
  dynamic: ['--padding', 'longest'],
  grouped: ['--padding', 'longest', '--group_by_length'],
  compiled: ['--padding', 'longest', '--group_by_length', '--compile'],
};

/** The names of --peers in the case `step`. */
export const stepPeers: readonly string[] = [...Object.keys(trainerWays), 'loop'];

/**
 * Steps that stand for an epoch (see peers/batches.py) in one of Trainer's ways, or in a plain loop. `grouped@bf16` is at that precision whatever ours is.
 */
export function peerStep(name: string, setting: StepSetting, seed: number): Side {
  const [way = '', precision = setting.precision] = name.split('@');
  const python = peersPython(setting.work);
  const common = peerFlags({ ...setting, precision: precision as Precision }, seed);
  if (way === 'loop') return { name, command: [python, join(root, 'bench', 'peers', 'torch_loop.py'), ...common] };
  const own = trainerWays[way];
  if (own === undefined || !['fp32', 'tf32', 'bf16'].includes(precision))
    throw new Error(
      `--peers: expected ${stepPeers.join(', ')}, or one of them at a precision like grouped@bf16, received ${name}`,
    );
  return { name, command: [python, hfTrainer, ...common, '--typical', '--no_eval', ...own] };
}

export const ours = 'lrdist';

/** lrdist's steps; `peaks` rounds of the machine's rates after them. */
export function ownStep(
  setting: StepSetting,
  seed: number,
  extra: { peaks?: number; accumulation?: number } = {},
): Side {
  const { model, task, batch, steps, untimed, threads, precision } = setting;
  const values = { model, task, data_dir: glue(), seed, batch, max_steps: steps, untimed, threads };
  const parameters = flags({ ...values, bf16: precision === 'bf16', ...extra });
  return { name: ours, command: [process.execPath, join(root, 'bench', 'sides', 'train.ts'), ...parameters] };
}

/** `lrdist COMMAND` with these options. */
export function ownCommand(command: string, values: Readonly<Record<string, string | number | boolean>>): Side {
  return { name: ours, command: [process.execPath, cli, command, ...flags(values), '--json'] };
}

/** hf_trainer.py in one of Trainer's ways. */
export function trainerCommand(
  way: string,
  work: string,
  values: Readonly<Record<string, string | number | boolean>>,
): Side {
  const own = trainerWays[way];
  if (own === undefined) throw new Error(`--peers: expected ${Object.keys(trainerWays).join(', ')}, received ${way}`);
  const common = flags({ data_dir: glue(), tokens: join(work, 'tokens'), ...values });
  return { name: way, command: [peersPython(work), hfTrainer, ...common, ...own] };
}

/** So many processes of the side at once on one GPU, under NVIDIA's MPS where it is there; they begin their timed steps together. */
export function processesSide(name: string, side: Side, count: number, work: string): Side {
  const program = join(root, 'bench', 'peers', 'processes.py');
  return { name, command: [findPython(work), program, '--count', String(count), '--', ...side.command] };
}

/** The side in a process that reports its wall time, processor time and peak of resident memory. */
export function measured(side: Side, work: string): Side {
  return { ...side, command: [findPython(work), join(root, 'bench', 'sides', 'measured.py'), ...side.command] };
}

/** Commands of one round's sides as a reader can repeat them. */
export function shownAll(sides: readonly Side[], work: string): Record<string, string> {
  const folders = { MODELS: join(data(), 'models'), GLUE: glue(), WORK: work };
  return Object.fromEntries(sides.map((side) => [side.name, shown(side, folders)]));
}

/** The seed of each round. */
export function roundSeeds(rounds: number, seeds: readonly number[]): number[] {
  return Array.from({ length: rounds }, (_, round) => seeds[round % seeds.length]!);
}
