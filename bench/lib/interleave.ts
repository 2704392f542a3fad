import type { Spread } from './statistics.ts';
import { spread } from './statistics.ts';
import { runSide, type Side } from './side.ts';

/** What each side printed, by name, in the order of the rounds. */
export type Found = ReadonlyMap<string, readonly Record<string, unknown>[]>;

/**
 * Runs every side once a round, each round begun by another side, so that a drift of the machine meets all of them.
 * @param sides of a round, from 0; the same names each time
 */
export async function interleave(
  rounds: number,
  sides: (round: number) => readonly Side[],
  onDone: (side: Side, round: number, document: Record<string, unknown>) => void,
  run: (side: Side) => Promise<Record<string, unknown>> = runSide,
): Promise<Found> {
  const found = new Map<string, Record<string, unknown>[]>(sides(0).map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    const order = sides(round);
    const from = round % order.length;
    for (const side of [...order.slice(from), ...order.slice(0, from)]) {
      const document = await run(side);
      found.get(side.name)!.push(document);
      onDone(side, round, document);
    }
  }
  return found;
}

/** Values of every side, by name, in the order of the rounds. */
export function valuesOf(
  found: Found,
  value: (document: Record<string, unknown>, side: string) => number,
): Record<string, number[]> {
  return Object.fromEntries([...found].map(([name, documents]) => [name, documents.map((one) => value(one, name))]));
}

/** Each other side's value over ours of the same round: how many times as much theirs is. */
export function ratiosTo(ours: string, values: Readonly<Record<string, readonly number[]>>): Record<string, Spread> {
  const own = values[ours];
  if (own === undefined) throw new Error(`no side is named ${ours}`);
  return Object.fromEntries(
    Object.entries(values)
      .filter(([name]) => name !== ours)
      .map(([name, theirs]) => [name, spread(theirs.map((value, round) => value / own[round]!))]),
  );
}

/**
 * As `ratiosTo`, for sides that are there at more than one precision (`grouped@fp32`, `grouped@bf16`): by the name without it, against the one with
 * the least value of each round.
 */
export function ratiosToBest(
  ours: string,
  values: Readonly<Record<string, readonly number[]>>,
): Record<string, Spread> {
  const ways = Map.groupBy(
    Object.entries(values).filter(([name]) => name !== ours),
    ([name]) => name.split('@')[0]!,
  );
  const best = (sides: readonly (readonly [string, readonly number[]])[]): Spread =>
    spread(values[ours]!.map((own, round) => Math.min(...sides.map(([, theirs]) => theirs[round]!)) / own));
  return Object.fromEntries(
    [...ways].filter(([, sides]) => sides.length > 1).map(([way, sides]) => [way, best(sides)]),
  );
}

export function spreads(values: Readonly<Record<string, readonly number[]>>): Record<string, Spread> {
  return Object.fromEntries(Object.entries(values).map(([name, list]) => [name, spread(list)]));
}
