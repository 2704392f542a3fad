import { batchKey } from './batches.ts';
import type { Pruner } from './pruner.ts';
import type { StoredStudy } from './storage/storage.ts';
import type { Trial, TrialReport } from './trial.ts';

/**
 * For each of some trials of one batch, which have all reported a step, whether it goes on. Trials of the batch that reported the step and ended in an earlier attempt still count, so that a batch that is run
 * again comes to the same decisions.
 *
 * @param visible which trials outside the batch the pruner may see
 */
export function decide(
  {
    pruner,
    stored,
    trials,
  }: { readonly pruner: Pruner; readonly stored: StoredStudy; readonly trials: readonly Trial[] },
  numbers: readonly number[],
  step: number,
  visible: (trial: Trial) => boolean = () => true,
): readonly boolean[] {
  const { directions, maxStep } = stored;
  const seen = trials.map((trial) => withNotFinite(trial, directions.length));
  const key = batchKey(seen[numbers[0]!]!);
  const together = seen.filter((trial) => batchKey(trial) === key);
  const batch = together.filter(({ reports }) => reports.some((report) => report.step === step));
  const others = seen.filter((trial) => batchKey(trial) !== key && visible(trial));
  const flags = pruner.decide({ directions, batch, step, maxStep, trials: [...others, ...together].sort(byNumber) });
  const goesOn = new Map(batch.map(({ number }, i) => [number, flags[i]!]));
  return numbers.map((number) => goesOn.get(number) ?? true);
}

/** Storages keep finite numbers only: reports of others are noted among the attributes, and pruners see them as NaN. */
function withNotFinite(trial: Trial, objectives: number): Trial {
  const steps = notFiniteSteps(trial).filter((step) => trial.reports.every((report) => report.step !== step));
  if (steps.length === 0) return trial;
  const added: TrialReport[] = steps.map((step) => ({ step, values: new Array<number>(objectives).fill(NaN) }));
  return { ...trial, reports: [...trial.reports, ...added].sort((a, b) => a.step - b.step) };
}

export function notFiniteSteps({ attributes }: Pick<Trial, 'attributes'>): readonly number[] {
  return Array.isArray(attributes.notFinite) ? (attributes.notFinite as number[]) : [];
}

function byNumber(a: Trial, b: Trial): number {
  return a.number - b.number;
}
