import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import type { BenchCase, BenchOptions, Precision } from './case.ts';
import { defaultWork } from './python.ts';

const text = { type: 'string' } as const;

/** Defaults for cases that have none of their own. */
const defaults: BenchOptions = {
  rounds: 5,
  steps: 30,
  threads: availableParallelism(),
  seeds: [1, 2, 3, 4, 5],
  tasks: ['mrpc'],
  models: ['minilm'],
  precisions: ['fp32'],
  peers: [],
  batch: 32,
  epochs: 3,
  device: 'cpu',
  work: defaultWork,
};

export interface CommandLine {
  /** Names of cases, or a command and its files. */
  readonly words: readonly string[];
  readonly dryRun: boolean;
  /** The options as they are for this case. */
  for(one: Pick<BenchCase, 'defaults'>): BenchOptions;
}

export const optionNames = [...Object.keys(defaults), 'dry-run'];

/** @throws Error for unknown options and for values that are none */
export function parseCommandLine(argv: readonly string[]): CommandLine {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      ...{ rounds: text, steps: text, threads: text, batch: text, epochs: text },
      ...{ seeds: text, tasks: text, models: text, precisions: text, peers: text, work: text },
      device: text,
      'dry-run': { type: 'boolean', default: false },
    },
  });
  const given: Record<string, unknown> = {};
  for (const name of ['rounds', 'steps', 'threads', 'batch', 'epochs'] as const)
    if (values[name] !== undefined) given[name] = whole(name, values[name]);
  for (const name of ['tasks', 'models', 'peers'] as const)
    if (values[name] !== undefined) given[name] = values[name].split(',');
  if (values.seeds !== undefined) given['seeds'] = values.seeds.split(',').map((seed) => whole('seeds', seed));
  if (values.precisions !== undefined) given['precisions'] = values.precisions.split(',').map(precision);
  if (values.work !== undefined) given['work'] = values.work;
  if (values.device !== undefined) given['device'] = values.device;
  return {
    words: positionals,
    dryRun: values['dry-run'],
    for: (one) => ({ ...defaults, ...one.defaults, ...given }),
  };
}

function whole(name: string, value: string): number {
  const number = Number(value);
  if (!Number.isInteger(number) || number < 1)
    throw new Error(`--${name}: expected a whole number above 0, received ${value}`);
  return number;
}

function precision(name: string): Precision {
  if (name !== 'fp32' && name !== 'tf32' && name !== 'bf16')
    throw new Error(`--precisions: expected fp32, tf32 or bf16, received ${name}`);
  return name;
}
