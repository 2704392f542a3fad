import { axisOf, bar } from '../axis.ts';
import type { LeftOut } from '../combine.ts';
import { alignColumns, describeGroups, shortRate } from '../table.ts';
import type { CombinedTables } from './tables.ts';
import type { RowTrial } from './trials.ts';

const BAR_WIDTH = 20;

/**
 * The result as text: for each group the rate with a bar on a logarithmic axis, its band, and the pair without which it would change most; then for
 * each pair its trials, its best one, and how far the result would be without it.
 */
export function renderCombined(combined: CombinedTables): string {
  const { distribution, combination } = combined;
  const { layers, name } = distribution;
  const trials = combination.pairs.reduce((sum, pair) => sum + pair.trials, 0);
  const heading = `${name} (${layers} ${layers === 1 ? 'layer' : 'layers'}) from ${counted(trials, 'trial')} of ${counted(combination.pairs.length, 'pair')}`;
  return `${heading}\n\n${groupTable(combined)}\n\n${pairTable(combined)}\n`;
}

function groupTable({ distribution, combination, leftOut }: CombinedTables): string {
  const { rates, low, high, spread } = combination;
  const axis = axisOf(rates);
  const alone = leftOut.length === 0;
  const heading = [
    'group',
    'tensors',
    'learning rate',
    axis.label,
    `band over the ${spread}`,
    ...(alone ? [] : ['at most without one pair']),
  ];
  const rows = describeGroups(distribution).map(({ group, tensors }, g) => [
    group,
    String(tensors),
    rates[g] === 0 ? 'frozen' : shortRate(rates[g]!),
    bar(rates[g]!, axis, BAR_WIDTH),
    rates[g] === 0 ? '' : `${brief(low[g]!)} to ${brief(high[g]!)}`,
    ...(alone ? [] : [mostWithout(leftOut, rates[g]!, g)]),
  ]);
  return alignColumns([heading, ...rows], [false, true, true, false, false, false]);
}

function pairTable({ combination: { pairs }, leftOut }: CombinedTables): string {
  const scores = (['before', 'p_s', 'p_o'] as const).filter((name) =>
    pairs.some(({ best }) => scoreOf(best, name) !== ''),
  );
  const heading = [
    'pair',
    'trials',
    'effective',
    'best',
    ...scores,
    ...(leftOut.length === 0 ? [] : ['the result without it is off by']),
  ];
  const rows = pairs.map(({ pair, trials, effective, best }, i) => [
    pair,
    String(trials),
    effective.toFixed(1),
    shortScore(best.score),
    ...scores.map((name) => scoreOf(best, name)),
    ...(leftOut[i] === undefined ? [] : [factorText(leftOut[i])]),
  ]);
  return alignColumns([heading, ...rows], [false, true, true, true, ...scores.map(() => true), false]);
}

/** Scores of the best trial's row; a mean over seeds has none of its own. */
function scoreOf({ row, seeds }: RowTrial, name: 'before' | 'p_s' | 'p_o'): string {
  const score = row.scores[name];
  return seeds > 1 || score === undefined ? '' : shortScore(score);
}

/** The pair without which the group's rate would change most; of equal ones the first. */
function mostWithout(leftOut: readonly LeftOut[], rate: number, g: number): string {
  if (rate === 0) return '';
  const distance = ({ rates }: LeftOut): number => Math.abs(Math.log(rates[g]! / rate));
  const most = leftOut.reduce((a, b) => (distance(b) > distance(a) + 1e-9 ? b : a));
  return distance(most) < 1e-9 ? 'x1' : `x${Number((most.rates[g]! / rate).toPrecision(3))} (${most.pair})`;
}

function factorText({ error: { rms, max } }: LeftOut): string {
  return `a factor of ${brief(Math.exp(rms))} in the mean, ${brief(Math.exp(max))} at most`;
}

function brief(value: number): string {
  return shortRate(Number(value.toPrecision(3)));
}

function shortScore(score: number): string {
  return String(Number(score.toPrecision(5)));
}

function counted(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}
