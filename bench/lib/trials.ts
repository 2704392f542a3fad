/** Training steps of distributions side by side or alone, by the program sides/replicas.ts. */
import { join } from 'node:path';
import { flags, glue, precisionFlags, type StepSetting } from './programs.ts';
import { number, root, type Side } from './side.ts';

/** So many rates a factor of 1.1 apart, of one shape (`flat`, `freeze-5`), as --rates takes them. */
export function ratesOf(shape: string, count: number): string {
  return Array.from({ length: count }, (_, k) => `${shape}@${(1e-5 * 1.1 ** k).toPrecision(4)}`).join(',');
}

/** `rows`: take only the first so many of the task, so that epochs are short. */
export function trialSide(
  name: string,
  rates: string,
  setting: StepSetting,
  seed: number,
  extra: { rows?: number; 'no-frozen_dropout'?: true } = {},
): Side {
  const { model, task, batch, steps, untimed, threads, precision, device } = setting;
  const values = { model, task, data_dir: glue(), seed, batch, max_steps: steps, untimed, threads, rates };
  const parameters = flags({
    ...values,
    ...precisionFlags(precision),
    ...(device === undefined ? {} : { device }),
    ...extra,
  });
  return { name, command: [process.execPath, join(root, 'bench', 'sides', 'replicas.ts'), ...parameters] };
}

/** Of one step of one trial. */
export function secondsOf(document: Record<string, unknown>): number {
  return number(document, 'timed_seconds') / number(document, 'timed_steps') / number(document, 'replicas');
}
