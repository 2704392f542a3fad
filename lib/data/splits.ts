import { LrdistError } from '../errors.ts';
import { groupByText } from './grouping.ts';
import { shuffledOrder } from '../random.ts';
import type { Row } from './rows.ts';

export interface HoldOutOptions {
  /** An integer in [0, 2^53). The same seed gives the same split on every machine. */
  readonly seed: number;
  /** Rows to hold out. Default: a tenth, at least 1,000, but never above a fifth of the rows or above 5,000. */
  readonly size?: number;
  /** Texts of at least this many words stay on the same side as texts that hold them (SST-2's phrases; its task says 3). Default: no such rule. */
  readonly containment?: number;
}

export interface HeldOut {
  /** Row numbers, ascending. Together the two hold every row once. */
  readonly train: Int32Array;
  readonly heldOut: Int32Array;
}

/**
 * Rows held out of train for selection: chosen by seed, with the labels in the same shares as in the whole, and so that no text (of either
 * side of a pair) is on both sides of the split. Whole groups of rows that share texts move together, so the size is met as nearly as
 * they allow, and a group larger than its share stays in train.
 * @throws LrdistError ERR_INVALID_OPTION if no rows, or not enough, can be held out.
 */
export function holdOut(rows: readonly Row[], options: HoldOutOptions): HeldOut {
  const size = options.size ?? defaultSize(rows.length);
  if (!Number.isInteger(size) || size < 1 || size >= rows.length) {
    throw new LrdistError('ERR_INVALID_OPTION', `Cannot hold ${size} of ${rows.length} rows out.`, {
      remedy: 'Give a size of at least 1 and below the number of rows.',
    });
  }
  const strata = strataOf(rows);
  const left = quotas(strata, size);
  const members = byGroup(groupByText(rows, options.containment));
  const isHeldOut = new Uint8Array(rows.length);
  let count = 0;
  for (const g of shuffledOrder(members.length, options.seed)) {
    const group = members[g]!;
    const needs = new Map<number, number>();
    for (const r of group) needs.set(strata[r]!, (needs.get(strata[r]!) ?? 0) + 1);
    if ([...needs].some(([stratum, need]) => need > left.get(stratum)!)) continue;
    for (const [stratum, need] of needs) left.set(stratum, left.get(stratum)! - need);
    for (const r of group) isHeldOut[r] = 1;
    count += group.length;
    if (count === size) break;
  }
  if (count === 0) {
    throw new LrdistError(
      'ERR_INVALID_OPTION',
      `No ${size} rows can be held out: all groups of rows that share texts are larger.`,
      {
        remedy: 'Hold more rows out.',
      },
    );
  }
  const pick = (side: number) => Int32Array.from(rows.keys()).filter((r) => isHeldOut[r] === side);
  return { train: pick(0), heldOut: pick(1) };
}

function defaultSize(rows: number): number {
  return Math.floor(Math.min(Math.max(rows / 10, 1000), rows / 5, 5000));
}

/** Class of each row; for regression one of ten equally filled bins; one class for rows without label. */
function strataOf(rows: readonly Row[]): Int32Array {
  const isRegression = rows.some(({ label }) => !Number.isNaN(label) && !Number.isInteger(label));
  if (!isRegression) return Int32Array.from(rows, ({ label }) => (Number.isNaN(label) ? -1 : label));
  const sorted = rows.map(({ label }) => label).sort((x, y) => x - y);
  const bounds = Array.from({ length: 9 }, (_, i) => sorted[Math.floor(((i + 1) * sorted.length) / 10)]!);
  return Int32Array.from(rows, ({ label }) => bounds.filter((bound) => label >= bound).length);
}

/** Rows to hold out of each stratum: its share of `size`, fractions going to the largest remainders. */
function quotas(strata: Int32Array, size: number): Map<number, number> {
  const counts = new Map<number, number>();
  for (const stratum of strata) counts.set(stratum, (counts.get(stratum) ?? 0) + 1);
  const shares = [...counts].map(([stratum, count]) => ({ stratum, exact: (size * count) / strata.length }));
  const result = new Map(shares.map(({ stratum, exact }) => [stratum, Math.floor(exact)]));
  let rest = size - [...result.values()].reduce((sum, n) => sum + n, 0);
  const byRemainder = shares.sort((x, y) => (y.exact % 1) - (x.exact % 1) || x.stratum - y.stratum);
  for (const { stratum } of byRemainder) {
    if (rest-- <= 0) break;
    result.set(stratum, result.get(stratum)! + 1);
  }
  return result;
}

/** Row numbers of each group, groups in the order of their first rows. */
function byGroup(groups: Int32Array): number[][] {
  const members = new Map<number, number[]>();
  for (const [r, group] of groups.entries()) {
    const list = members.get(group);
    if (list === undefined) members.set(group, [r]);
    else list.push(r);
  }
  return [...members.values()];
}
