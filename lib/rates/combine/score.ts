import { LrdistError } from '../../errors.ts';
import type { TrialRow } from '../trial-table/table.ts';

type Scores = TrialRow['scores'];

/** By what trials of a pair are ranked. */
export interface ScoreRule {
  /** As parseScoreRule reads it. */
  readonly name: string;
  /** The number to rank by and what it is, so that two kinds are never ranked together; undefined where the row lacks what it takes. */
  readonly of: (scores: Scores) => { readonly value: number; readonly kind: string } | undefined;
}

/** What parseScoreRule accepts, for help and errors. */
export const scoreForms: readonly string[] = ['objective', 'p_s', 'p_o', 'weighted:SHARE'];

/**
 * `objective` is the column `score` where there is one, else p_s + p_o (the paper); `p_s` or `p_o` alone; `weighted:0.3` is 0.3 p_s + 0.7 p_o.
 *
 * @throws LrdistError ERR_INVALID_OPTION
 */
export function parseScoreRule(text: string): ScoreRule {
  if (text === 'objective') return { name: text, of: objective };
  if (text === 'p_s' || text === 'p_o') return { name: text, of: (scores) => scored(scores[text], text) };
  const share = /^weighted:(\d*\.?\d+)$/.exec(text)?.[1];
  if (share === undefined || Number(share) > 1)
    throw new LrdistError('ERR_INVALID_OPTION', `score: expected ${scoreForms.join(', ')}, received "${text}"`, {
      remedy: 'SHARE is the weight of p_s, from 0 to 1: weighted:0.3 is 0.3 p_s + 0.7 p_o.',
    });
  return { name: text, of: ({ p_s, p_o }) => scored(sum(p_s, p_o, Number(share)), text) };
}

function objective({ score, p_s, p_o }: Scores): { value: number; kind: string } | undefined {
  return scored(score, 'score') ?? scored(sum(p_s, p_o), 'p_s + p_o');
}

function sum(p_s: number | undefined, p_o: number | undefined, share?: number): number | undefined {
  if (p_s === undefined || p_o === undefined) return undefined;
  return share === undefined ? p_s + p_o : share * p_s + (1 - share) * p_o;
}

function scored(value: number | undefined, kind: string): { value: number; kind: string } | undefined {
  return value === undefined ? undefined : { value, kind };
}
