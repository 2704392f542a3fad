/** What is compared: a study's trials without times. */
import { isDeepStrictEqual } from 'node:util';
import { openStorage } from '../../../lib/search/storage/open.ts';
import { isFinished, type Trial } from '../../../lib/search/trial.ts';

export async function trialsOf(address: string, name: string): Promise<readonly Trial[]> {
  const storage = await openStorage(address);
  try {
    const study = await storage.findStudy(name);
    return study === undefined ? [] : await storage.trials(study.id);
  } finally {
    await storage.close();
  }
}

export function finishedOf(trials: readonly Trial[]): number {
  return trials.filter(isFinished).length;
}

/** Numbers of trials that are not as in the undisturbed study. */
export function differing(trials: readonly Trial[], undisturbed: readonly Trial[]): number[] {
  const numbers = Array.from({ length: Math.max(trials.length, undisturbed.length) }, (_, i) => i);
  return numbers.filter((i) => !isDeepStrictEqual(content(trials[i]), content(undisturbed[i])));
}

function content(trial: Trial | undefined): unknown {
  if (trial === undefined) return undefined;
  const { number, state, origin, parameters, values, reports, attributes } = trial;
  return { number, state, origin, parameters, values, reports, attributes };
}

/** What every study must be in the end, however it came there. */
export function summary(trials: readonly Trial[], wanted: number) {
  const states = Object.fromEntries(
    ['complete', 'pruned', 'failed', 'running', 'waiting'].map((state) => [
      state,
      trials.filter((trial) => trial.state === state).length,
    ]),
  );
  return {
    trials: trials.length,
    wanted,
    states,
    all_finished: finishedOf(trials) === wanted && trials.length === wanted,
    second_or_later_attempts: trials.filter(({ attempt }) => attempt > 1).length,
    attempts: trials.reduce((sum, { attempt }) => sum + attempt, 0),
  };
}
