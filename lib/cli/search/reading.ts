/** Small forms that options are written in. */
import { LrdistError } from '../../errors.ts';
import type { Range } from '../../pair-search/rate-space.ts';
import type { SearchArguments } from './options.ts';

export const textOf = (args: SearchArguments, name: string): string | undefined => args[name] as string | undefined;
export const numberOf = (args: SearchArguments, name: string): number | undefined => args[name] as number | undefined;
export const listOf = (args: SearchArguments, name: string): readonly string[] =>
  (args[name] as readonly string[] | undefined) ?? [];

/** Names with commas between them. */
export const namesOf = (args: SearchArguments, name: string): readonly string[] =>
  (textOf(args, name) ?? '')
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '');

export function invalid(message: string, remedy?: string): LrdistError {
  return new LrdistError('ERR_INVALID_OPTION', message, remedy === undefined ? {} : { remedy });
}

/** A whole number from 1, or undefined. @throws ERR_INVALID_OPTION */
export function countOf(args: SearchArguments, name: string): number | undefined {
  const value = numberOf(args, name);
  if (value !== undefined && !(Number.isSafeInteger(value) && value >= 1))
    throw invalid(`--${name}: expected a whole number from 1, received ${value}`);
  return value;
}

/** `1e-6:1e-3`. @throws ERR_INVALID_OPTION */
export function readRange(option: string, text: string): Range {
  const parts = text.split(':').map((part) => (part.trim() === '' ? NaN : Number(part)));
  const [low, high] = parts;
  if (parts.length !== 2 || !parts.every(Number.isFinite))
    throw invalid(`--${option}: expected LOW:HIGH, received "${text}"`, `For example --${option} 1e-6:1e-3`);
  if (low! > high!) throw invalid(`--${option}: expected LOW:HIGH with LOW <= HIGH, received "${text}"`);
  return [low!, high!];
}

/** Range of an option, or undefined. */
export function rangeOf(args: SearchArguments, name: string): Range | undefined {
  const text = textOf(args, name);
  return text === undefined ? undefined : readRange(name, text);
}

/** `NAME=LOW:HIGH`, several times. @throws ERR_INVALID_OPTION */
export function readRanges(list: readonly string[]): Readonly<Record<string, Range>> {
  const ranges: Record<string, Range> = {};
  for (const text of list) {
    const equals = text.indexOf('=');
    if (equals < 1)
      throw invalid(`--range: expected NAME=LOW:HIGH, received "${text}"`, 'For example --range lr_head=1e-5:1e-2');
    const name = text.slice(0, equals).trim();
    if (Object.hasOwn(ranges, name)) throw invalid(`--range: "${name}" is given twice`);
    ranges[name] = readRange('range', text.slice(equals + 1));
  }
  return ranges;
}

export interface Recipe {
  readonly name: string;
  readonly settings: Readonly<Record<string, string | number | boolean>>;
}

/** `hyperband:reduction=2,grace=1`. @throws ERR_INVALID_OPTION */
export function readRecipe(option: string, text: string): Recipe {
  const colon = text.indexOf(':');
  if (colon === -1) return { name: text.trim(), settings: {} };
  const settings: Record<string, string | number | boolean> = {};
  for (const part of text.slice(colon + 1).split(',')) {
    const equals = part.indexOf('=');
    const key = part.slice(0, equals).trim();
    if (equals < 1 || part.slice(equals + 1).trim() === '')
      throw invalid(`--${option}: expected NAME:key=value,..., received "${text}"`);
    if (Object.hasOwn(settings, key)) throw invalid(`--${option}: "${key}" is given twice in "${text}"`);
    settings[key] = valueOf(part.slice(equals + 1).trim());
  }
  return { name: text.slice(0, colon).trim(), settings };
}

function valueOf(text: string): string | number | boolean {
  if (text === 'true' || text === 'false') return text === 'true';
  return Number.isNaN(Number(text)) ? text : Number(text);
}
