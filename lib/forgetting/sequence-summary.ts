import {
  type SequenceRunRecord,
  type SequenceScoreName,
  sequenceScoreNames,
  type SequenceSummaryRecord,
  type TaskMetric,
} from '../report/sequence-record.ts';
import { pairedDifference, spread } from '../report/spread.ts';

/** Each combination over seeds and orders, and its difference to the first, paired by both. Scores that were not measured are left out. */
export function summarizeSequence(
  names: readonly string[],
  runs: readonly SequenceRunRecord[],
): SequenceSummaryRecord[] {
  const of = new Map(names.map((name) => [name, runs.filter(({ combination }) => combination === name)]));
  // Runs come in the same order of seeds and task orders for each combination.
  const values = (name: string, score: SequenceScoreName): number[] =>
    of.get(name)!.map(({ scores }) => scores[score] ?? NaN);
  const measured = sequenceScoreNames.filter((score) =>
    runs.some(({ scores }) => scores[score] !== null && scores[score] !== undefined),
  );
  const byScore = <V>(value: (score: SequenceScoreName) => V): Partial<Record<SequenceScoreName, V>> =>
    Object.fromEntries(measured.map((score) => [score, value(score)]));
  return names.map((combination, i) => ({
    combination,
    scores: byScore((score) => spread(values(combination, score))),
    ...(i === 0
      ? {}
      : { difference: byScore((score) => pairedDifference(values(combination, score), values(names[0]!, score))) }),
  }));
}

/** How near to guessing a score must be for us to say that nothing was learned, on the scale from guessing (0) to perfect (1). */
const nothing = 0.05;

/** Warnings that the numbers themselves call for. */
export function sequenceNotes(
  metrics: readonly TaskMetric[],
  orders: readonly (readonly number[])[],
  runs: readonly SequenceRunRecord[],
  units: number,
): string[] {
  const notes: string[] = [];
  for (const [t, { task, chance }] of metrics.entries()) {
    const idle = new Set<string>();
    const names = [...new Set(runs.map(({ combination }) => combination))];
    for (const name of names) {
      const learned = runs.flatMap(({ combination, order, R }) => {
        if (combination !== name) return [];
        const position = orders[order]!.indexOf(t);
        const score = R[position]![position];
        return typeof score === 'number' && Number.isFinite(score) ? [score] : [];
      });
      const mean = learned.reduce((sum, score) => sum + score, 0) / learned.length;
      if ((mean - chance) / (1 - chance) < nothing) idle.add(name);
    }
    if (idle.size === names.length)
      notes.push(`${task} was hardly learned by any: there is little to forget, and keeping is no achievement.`);
    else if (idle.size > 0) notes.push(`${task} was hardly learned by ${[...idle].join(', ')}.`);
  }
  const broken = new Map<string, number>();
  for (const { state, combination } of runs)
    if (state === 'not_finite') broken.set(combination, (broken.get(combination) ?? 0) + 1);
  for (const [combination, count] of broken)
    notes.push(
      `${combination}: the loss stopped being finite in ${count} of ${units} runs; these are left out of its means.`,
    );
  if (units === 1) notes.push('One seed: differences between combinations may be chance.');
  return notes;
}
