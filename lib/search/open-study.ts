import { hostname } from 'node:os';
import { z } from 'zod';
import { LrdistError } from '../errors.ts';
import { checkSameStudy, defineStudy, type DefinitionOptions } from './definition.ts';
import { DEFAULT_ATTEMPTS } from './lost-attempts.ts';
import type { Pruner } from './pruner.ts';
import { createPruner } from './pruners/create.ts';
import type { Sampler } from './sampler.ts';
import { createSampler } from './samplers/create.ts';
import type { Space } from './space.ts';
import { openStorage } from './storage/open.ts';
import type { Storage, StoredStudy, StudyDefinition } from './storage/storage.ts';
import { Study } from './study.ts';
import type { Json } from './trial.ts';

/** How a study is held by this process. */
export interface HoldOptions {
  /** An open storage, which stays open, or an address, such as a file's. Default: in memory. */
  readonly storage?: Storage | string;
  /** Name of this worker, for people. Default: host and process. */
  readonly worker?: string;
  /** Milliseconds after which others may take over what this process asked for, if it is not heard of. Default a minute. */
  readonly lease?: number;
  /** Attempts at a trial that may be lost, with a worker that is not heard of again, before it has failed. Default 3. */
  readonly attempts?: number;
}

export interface StudyOptions<S extends Space = Space> extends DefinitionOptions, HoldOptions {
  readonly space: S;
  /** One, or its name. Default `tpe`. */
  readonly sampler?: Sampler | string;
  /** One, or its name. Default `none`. */
  readonly pruner?: Pruner | string;
  /** If a study of this name is there: `never` refuses it (default), `auto` goes on with it, and `must` refuses to begin a new one. */
  readonly resume?: 'never' | 'auto' | 'must';
}

const lease = z.number().min(1).max(86_400_000).default(60_000);
const attempts = z.int().min(1).default(DEFAULT_ATTEMPTS);
const resume = z.enum(['never', 'auto', 'must']).default('never');

/**
 * Begins a study, or goes on with one.
 *
 * @throws LrdistError ERR_INVALID_OPTION; ERR_STUDY_EXISTS, ERR_STUDY_NOT_FOUND (see `resume`); ERR_PROTOCOL_MISMATCH, with what differs, if the study that is there has another
 *   space, other objectives, seed, maxStep or protocol; ERR_STORAGE
 */
export async function openStudy<const S extends Space>(options: StudyOptions<S>): Promise<Study<S>> {
  const sampler = typeof options.sampler === 'object' ? options.sampler : createSampler(options.sampler ?? 'tpe');
  const pruner = typeof options.pruner === 'object' ? options.pruner : createPruner(options.pruner ?? 'none');
  const definition = defineStudy(options, sampler, pruner);
  const mode = checked('resume', resume, options.resume);
  return held(options, sampler, pruner, (storage) => createOrFind(storage, definition, mode));
}

/**
 * A study that is there, with the sampler and pruner it was begun with; what else it is made of is read from the storage.
 *
 * @throws LrdistError ERR_STUDY_NOT_FOUND, ERR_STORAGE
 */
export async function loadStudy(
  options: HoldOptions & { readonly name: string; readonly sampler?: Sampler; readonly pruner?: Pruner },
): Promise<Study> {
  return held(options, options.sampler, options.pruner, (storage) => find(storage, options.name));
}

async function held<S extends Space>(
  options: HoldOptions,
  sampler: Sampler | undefined,
  pruner: Pruner | undefined,
  get: (storage: Storage) => Promise<StoredStudy>,
): Promise<Study<S>> {
  const milliseconds = checked('lease', lease, options.lease);
  const mostLost = checked('attempts', attempts, options.attempts);
  const ownsStorage = typeof options.storage !== 'object';
  const storage =
    typeof options.storage === 'object' ? options.storage : await openStorage(options.storage ?? 'memory:');
  try {
    const stored = await get(storage);
    return new Study<S>({
      storage,
      stored,
      sampler: sampler ?? recorded(stored, 'sampler', createSampler),
      pruner: pruner ?? recorded(stored, 'pruner', createPruner),
      worker: options.worker ?? `${hostname()}:${process.pid}`,
      lease: milliseconds,
      attempts: mostLost,
      ownsStorage,
    });
  } catch (error) {
    if (ownsStorage) await storage.close();
    throw error;
  }
}

async function createOrFind(storage: Storage, definition: StudyDefinition, mode: 'never' | 'auto' | 'must') {
  if (mode === 'never') return storage.createStudy(definition);
  const there = await storage.findStudy(definition.name);
  if (there === undefined && mode === 'auto') {
    try {
      return await storage.createStudy(definition);
    } catch (error) {
      // Another worker began it in this moment.
      if (!(error instanceof LrdistError && error.code === 'ERR_STUDY_EXISTS')) throw error;
    }
  }
  const stored = there ?? (await find(storage, definition.name));
  checkSameStudy(stored, definition);
  return stored;
}

async function find(storage: Storage, name: string): Promise<StoredStudy> {
  const stored = await storage.findStudy(name);
  if (stored) return stored;
  const names = (await storage.listStudies()).map((study) => study.name);
  throw new LrdistError('ERR_STUDY_NOT_FOUND', `there is no study "${name}" in ${storage.address}`, {
    remedy: names.length > 0 ? `The studies there are ${names.join(', ')}.` : 'There are no studies in it.',
  });
}

const recipe = z.object({
  name: z.string(),
  settings: z.record(z.string(), z.union([z.number(), z.string(), z.boolean()])).default({}),
});

function recorded<T>(
  { name, protocol }: StoredStudy,
  part: 'sampler' | 'pruner',
  create: (name: string, settings: z.output<typeof recipe>['settings']) => T,
): T {
  const parsed = recipe.safeParse(protocol[part] satisfies Json | undefined);
  if (parsed.success && Object.keys(parsed.data.settings).some((setting) => setting.startsWith('transfer_')))
    throw new LrdistError('ERR_INVALID_OPTION', `the study "${name}" was begun with trials of other studies`, {
      remedy: 'Give its sampler, made anew by withTransfer with the same trials.',
    });
  if (parsed.success) return create(parsed.data.name, parsed.data.settings);
  throw new LrdistError('ERR_INVALID_OPTION', `the study "${name}" does not say which ${part} it was begun with`, {
    remedy: `Give a ${part}.`,
  });
}

function checked<T extends z.ZodType>(name: string, schema: T, value: unknown): z.output<T> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new LrdistError('ERR_INVALID_OPTION', `${name}: ${parsed.error.issues[0]!.message}, received ${String(value)}`);
}
