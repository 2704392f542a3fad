import { env } from '../../env.ts';
import { quoted } from './go-on.ts';
import type { SearchPlan } from './plan.ts';

/** The command of a worker that joins a study. */
export function workerCommand(
  { spec, trials, batchSize, processes, devices, mode, lease, attempts }: SearchPlan,
  study: string,
  storage: string,
  program: readonly string[] = ['lrdist'],
): string {
  const { threads } = spec.session as { threads?: number };
  const words: (string | number)[] = [...program, 'worker', '--study', study, '--trials', trials];
  // A password is better in the environment than in a script or a list of processes.
  if (env('LRDIST_STORAGE') === undefined) words.push('--storage', storage);
  words.push('--model', spec.firstModel ?? spec.model, '--data_dir', spec.dataDir, '--trials_per_batch', batchSize);
  if (processes > 0) words.push('--processes', processes);
  if (mode === 'async') words.push('--async');
  if (lease !== undefined) words.push('--lease', lease / 1000);
  if (attempts !== undefined) words.push('--attempts', attempts);
  if (devices !== undefined) words.push('--device', devices);
  if (threads !== undefined) words.push('--threads', threads);
  return words.map((word) => quoted(String(word))).join(' ');
}
