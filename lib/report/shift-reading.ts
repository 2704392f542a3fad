/** What the numbers of a task-shift record say, in plain sentences, and no more than they say. */
import type { ShiftRecord, SummaryRecord } from './shift-record.ts';
import { direction, type Interval } from './spread.ts';
import { points } from './shift.ts';

/** One paragraph. Of a difference whose 95 % interval covers 0 it claims nothing. */
export function shiftReading({ tasks, summary, seeds }: ShiftRecord): string {
  const [first, second] = tasks.map(({ task }) => task) as [string, string];
  const [reference, ...others] = summary as [SummaryRecord, ...SummaryRecord[]];
  const { before, p_o, p_s } = reference.scores;
  const sentences = [
    `With ${reference.distribution}, ${first} goes from ${points(before.mean)} to ${points(p_o.mean)} while ${second} is learned to ${points(p_s.mean)} (means of ${seeds.length} seed${seeds.length === 1 ? '' : 's'}).`,
    ...others.map((other) => compare(other, reference.distribution, first, second, seeds.length)),
  ];
  return sentences.join(' ');
}

function compare(
  { distribution, difference }: SummaryRecord,
  reference: string,
  first: string,
  second: string,
  seeds: number,
): string {
  if (difference === undefined || Number.isNaN(difference.objective.mean))
    return `${distribution} cannot be compared: it did not finish.`;
  if (seeds < 2) return `${distribution} ran under one seed, so nothing can be said of its difference to ${reference}.`;
  const verdicts = [
    verdict(difference.p_o, `${first} kept`),
    verdict(difference.p_s, `${second} learned`),
    verdict(difference.objective, 'the sum of both'),
  ];
  const claims = verdicts.flatMap(({ claim }) => claim ?? []);
  const open = verdicts.flatMap(({ unknown }) => unknown ?? []);
  const against = `${distribution} against ${reference}`;
  if (claims.length === 0)
    return `${against}: no difference can be claimed; the intervals of all three (${open.join(', ')}) cover 0.`;
  const rest =
    open.length === 0
      ? ''
      : `; no difference can be claimed in ${open.join(' or ')}, whose interval${open.length > 1 ? 's cover' : ' covers'} 0`;
  return `${against}: ${claims.join('; ')}${rest}.`;
}

function verdict(difference: Interval, what: string): { claim?: string; unknown?: string } {
  const sign = direction(difference);
  if (sign === 0) return { unknown: what };
  const { mean, low, high } = difference;
  const [near, far] = [low!, high!].map((bound) => points(Math.abs(bound))).sort((a, b) => Number(a) - Number(b));
  return {
    claim: `${what} ${points(Math.abs(mean))} points ${sign > 0 ? 'better' : 'worse'} (95 % interval ${near} to ${far})`,
  };
}
