import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { LrdistError } from '../errors.ts';
import { checkSpace } from './check-space.ts';
import type { Pruner } from './pruner.ts';
import type { Sampler } from './sampler.ts';
import type { Direction, Space } from './space.ts';
import type { StoredStudy, StudyDefinition } from './storage/storage.ts';
import type { Json } from './trial.ts';

/** What is to be searched for. */
export interface DefinitionOptions {
  readonly name: string;
  readonly space: Space;
  /** Of the objectives, which then are named `value` or `value_0`, `value_1`, … */
  readonly directions?: Direction | readonly Direction[];
  /** Or names and directions of the objectives: `{ p_s: 'maximize', p_o: 'maximize' }`. */
  readonly objectives?: Readonly<Record<string, Direction>>;
  /** All chance of the study comes from here. Default 0. */
  readonly seed?: number;
  /** The last step of a trial that runs to its end, such as the number of epochs. Default 1. */
  readonly maxStep?: number;
  /** What else the values depend on; sampler and pruner are added. */
  readonly protocol?: Readonly<Record<string, Json>>;
}

const direction = z.enum(['maximize', 'minimize']);
const schema = z.object({
  name: z.string().min(1).max(200),
  directions: z.union([direction, z.array(direction).min(1)]).optional(),
  objectives: z
    .record(z.string().min(1), direction)
    .refine((objectives) => Object.keys(objectives).length > 0, 'expected at least one objective')
    .optional(),
  seed: z.int().min(0).default(0),
  maxStep: z.int().min(1).default(1),
  protocol: z.record(z.string(), z.json()).default({}),
});

/** @throws LrdistError ERR_INVALID_OPTION */
export function defineStudy(options: DefinitionOptions, sampler: Sampler, pruner: Pruner): StudyDefinition {
  const parsed = schema.safeParse(options);
  if (!parsed.success) {
    const lines = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
    throw new LrdistError('ERR_INVALID_OPTION', lines.join('\n'), { remedy: 'See the options of openStudy.' });
  }
  const { name, seed, maxStep, protocol } = parsed.data;
  return {
    name,
    ...namedObjectives(parsed.data),
    space: checkSpace(options.space),
    seed,
    maxStep,
    protocol: {
      ...(protocol as Record<string, Json>),
      sampler: { name: sampler.name, settings: sampler.settings },
      pruner: { name: pruner.name, settings: pruner.settings },
    },
  };
}

function namedObjectives({
  directions,
  objectives,
}: z.output<typeof schema>): Pick<StudyDefinition, 'directions' | 'objectives'> {
  if ((directions === undefined) === (objectives === undefined))
    throw new LrdistError('ERR_INVALID_OPTION', 'directions: expected either directions or objectives', {
      remedy: "For instance directions: 'maximize', or objectives: { p_s: 'maximize', p_o: 'maximize' }.",
    });
  if (objectives) return { directions: Object.values(objectives), objectives: Object.keys(objectives) };
  if (typeof directions === 'string') return { directions: [directions], objectives: ['value'] };
  return { directions: directions!, objectives: directions!.map((_, i) => `value_${i}`) };
}

/**
 * A study that is there and the one that was asked for must be the same.
 *
 * @throws LrdistError ERR_PROTOCOL_MISMATCH with a line for each difference
 */
export function checkSameStudy(stored: StoredStudy, asked: StudyDefinition): void {
  const lines = [
    ...differing('space', stored.space, asked.space),
    ...orderOf(stored.space, asked.space),
    ...differing('objectives', named(stored), named(asked)),
    ...differing('', { seed: stored.seed, maxStep: stored.maxStep }, { seed: asked.seed, maxStep: asked.maxStep }),
    ...differing('protocol', stored.protocol, asked.protocol),
  ];
  if (lines.length === 0) return;
  throw new LrdistError(
    'ERR_PROTOCOL_MISMATCH',
    `the study "${stored.name}" was made in another way:\n${lines.join('\n')}`,
    { remedy: 'Give what it was made with, or take another name for a new study.' },
  );
}

function named({ objectives, directions }: StudyDefinition): Record<string, Direction> {
  return Object.fromEntries(objectives.map((name, i) => [name, directions[i]!]));
}

function differing(label: string, stored: object, asked: object): string[] {
  const [before, now] = [plain(stored), plain(asked)];
  const keys = [...new Set([...Object.keys(before), ...Object.keys(now)])];
  return keys
    .filter((key) => !isDeepStrictEqual(before[key], now[key]))
    .map((key) => `${[label, key].filter(Boolean).join('.')}: was ${shown(before[key])}, now ${shown(now[key])}`);
}

/** Samplers go by the order of dimensions. */
function orderOf(stored: Space, asked: Space): string[] {
  const [before, now] = [Object.keys(stored), Object.keys(asked)];
  const sameNames = isDeepStrictEqual([...before].sort(), [...now].sort());
  if (!sameNames || isDeepStrictEqual(before, now)) return [];
  return [`order of the dimensions: was ${before.join(', ')}, now ${now.join(', ')}`];
}

/** As it comes back from a storage, without what is undefined. */
function plain(value: object): Record<string, unknown> {
  return JSON.parse(JSON.stringify(value)) as Record<string, unknown>;
}

function shown(value: unknown): string {
  return value === undefined ? 'absent' : JSON.stringify(value);
}
