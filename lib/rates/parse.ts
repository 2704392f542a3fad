import { LrdistError, nearest } from '../errors.ts';
import { forLayers } from './convert.ts';
import { flat, formatRate, MAX_RATE, withBase, type RateDistribution } from './distribution.ts';
import { readRatesFile } from './file.ts';
import { findPreset, fromPreset, presetFamilies, presetNames } from './presets.ts';

/** One entry of a `--rates` list, before a model's number of layers is known. */
export type RateSpec =
  | { readonly kind: 'flat'; readonly rate: number }
  | { readonly kind: 'preset'; readonly name: string; readonly base?: number }
  | { readonly kind: 'file'; readonly path: string; readonly base?: number };

/** Parses `2e-5,fast-head@1e-4,my.rates.json`: numbers, built-in names and files, the last two with an optional `@base`. */
export function parseRates(list: string): RateSpec[] {
  const entries = list.split(',').map((entry) => entry.trim());
  if (entries.every((entry) => entry === ''))
    throw new LrdistError('ERR_INVALID_OPTION', 'rates: expected a number, a name or a file, received nothing');
  return entries.map((entry) => {
    if (entry === '') throw new LrdistError('ERR_INVALID_OPTION', `rates: an empty entry in "${list}"`);
    return parseEntry(entry);
  });
}

/** The text that parseRates reads back to the same specification. */
export function formatRateSpec(spec: RateSpec): string {
  if (spec.kind === 'flat') return formatRate(spec.rate);
  const name = spec.kind === 'preset' ? spec.name : spec.path;
  return spec.base === undefined ? name : `${name}@${formatRate(spec.base)}`;
}

export interface ResolveOptions {
  /** Encoder layers of the model. */
  readonly layers: number;
  /** Base of built-in names without `@`, instead of their own. */
  readonly base?: number | undefined;
}

/**
 * The distribution a specification stands for, mapped to the model's number of layers.
 *
 * @throws LrdistError ERR_INVALID_OPTION, ERR_READ, ERR_RATES_FILE
 */
export async function resolveRates(spec: RateSpec, { layers, base }: ResolveOptions): Promise<RateDistribution> {
  if (spec.kind === 'flat') return flat(spec.rate, layers);
  if (spec.kind === 'preset') return fromPreset(findPreset(spec.name)!, layers, spec.base ?? base);
  return forLayers(rebased(await readRatesFile(spec.path), spec), layers);
}

/** parseRates and resolveRates of a whole list. */
export function loadRates(list: string, options: ResolveOptions): Promise<RateDistribution[]> {
  return Promise.all(parseRates(list).map((spec) => resolveRates(spec, options)));
}

function rebased(distribution: RateDistribution, { path, base }: { path: string; base?: number }): RateDistribution {
  if (base === undefined) return distribution;
  if (distribution.base === undefined) {
    throw new LrdistError(
      'ERR_INVALID_OPTION',
      `rates: "${path}" has no base, so "@${formatRate(base)}" cannot move it`,
      { remedy: 'Add "base" to the file (the rate a multiplier of 1 stands for), or leave out "@".' },
    );
  }
  return withBase({ ...distribution, base: distribution.base }, base);
}

function parseEntry(entry: string): RateSpec {
  if (isNumeric(entry)) return { kind: 'flat', rate: parseRate(entry, entry) };
  const at = entry.lastIndexOf('@');
  // The part after an @ that belongs to a path is no number: "runs@home/a.rates.json".
  const hasBase = at > 0 && (isNumeric(entry.slice(at + 1)) || !isPath(entry));
  const name = hasBase ? entry.slice(0, at) : entry;
  const base = hasBase ? { base: parseRate(entry.slice(at + 1), entry) } : {};
  if (isPath(name)) return { kind: 'file', path: name, ...base };
  if (findPreset(name) === undefined) throw unknownName(name);
  return { kind: 'preset', name, ...base };
}

/** Whether the text is meant as a number, good or bad. */
function isNumeric(text: string): boolean {
  return /^[+-]?(\d|\.\d|nan$|inf(inity)?$)/i.test(text) && !/[\\/]|json$/i.test(text);
}

function isPath(text: string): boolean {
  return /[\\/]/.test(text) || /\.json$/i.test(text);
}

function parseRate(text: string, entry: string): number {
  const rate = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
  const refuse = (expected: string): LrdistError =>
    new LrdistError(
      'ERR_INVALID_OPTION',
      `rates: expected ${expected}, received "${text}"${text === entry ? '' : ` in "${entry}"`}`,
    );
  if (!(rate > 0 && Number.isFinite(rate))) throw refuse('a learning rate above 0');
  if (rate > MAX_RATE) throw refuse(`a learning rate of at most ${MAX_RATE}`);
  return rate;
}

function unknownName(name: string): LrdistError {
  const forms = presetFamilies.map(({ form }) => form);
  const near = nearest(name, [...presetNames, ...forms]);
  const remedy =
    near === undefined ? 'A file needs a name that ends in .json or a path with "/".' : `Did you mean ${near}?`;
  return new LrdistError(
    'ERR_INVALID_OPTION',
    `rates: no distribution named "${name}"; the built-in names are ${[...presetNames, ...forms].join(', ')}`,
    { remedy },
  );
}
