import { MAX_RATE } from '../distribution.ts';
import type { TrialRowState } from './table.ts';
import { broken } from './records.ts';

/** A cell as text without blanks around it; undefined for an empty one. */
export function cellOf(value: unknown): string | undefined {
  if (value === null || value === undefined) return undefined;
  const text = (typeof value === 'string' ? value : JSON.stringify(value)).trim();
  return text === '' ? undefined : text;
}

/** A number; NaN and infinities as Python writes them too. */
export function numberOf(value: unknown, column: string, where: string): number | undefined {
  const text = cellOf(value);
  if (text === undefined || /^(none|null)$/i.test(text)) return undefined;
  if (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) return Number(text);
  const special = /^([+-]?)(nan|inf(?:inity)?)$/i.exec(text);
  if (special === null) throw broken(where, `expected a number under "${column}", received "${text}"`);
  return /^nan$/i.test(special[2]!) ? NaN : special[1] === '-' ? -Infinity : Infinity;
}

export function rateOf(value: unknown, column: string, where: string): number | undefined {
  const rate = numberOf(value, column, where);
  if (rate === undefined || (rate >= 0 && rate <= MAX_RATE)) return rate;
  throw broken(where, `expected a learning rate from 0 to ${MAX_RATE} under "${column}", received ${rate}`);
}

const states = ['complete', 'pruned', 'failed', 'running', 'waiting'] as const satisfies readonly TrialRowState[];

/** Ours, and Optuna's words for them, in any case. */
export function stateOf(value: unknown, where: string): TrialRowState | undefined {
  const text = cellOf(value);
  if (text === undefined) return undefined;
  const word = text.toLowerCase().replace(/^trialstate\./, '');
  const state = word === 'fail' ? 'failed' : word === 'completed' ? 'complete' : word;
  const found = states.find((each) => each === state);
  if (found === undefined) throw broken(where, `expected a state (${states.join(', ')}), received "${text}"`);
  return found;
}
