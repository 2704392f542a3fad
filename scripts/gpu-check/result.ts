/** The check's result file, bench/results/gpu-check-CARD-DATE.json. */
import { cardOf } from '../../bench/lib/card.ts';
import { saveResult } from '../../bench/lib/results.ts';
import { deviceKind } from '../../lib/native/devices.ts';
import type { Outcome } from './run-steps.ts';
import type { Settings } from './settings.ts';

/** @returns its path; undefined where none is written: without a GPU, or when it was not asked for */
export async function saveCheck(
  { device, parts, results }: Settings,
  outcomes: readonly Outcome[],
  root: string,
): Promise<string | undefined> {
  if (!results || deviceKind(device) !== 'cuda') return undefined;
  const ok = (list: readonly Outcome[]): string =>
    list.length > 0 && list.every(({ skipped }) => skipped !== undefined)
      ? 'skipped'
      : `${list.filter(({ code }) => code === 0).length} of ${list.length}`;
  const groups = parts.map((part) => [part, outcomes.filter((outcome) => outcome.part === part)] as const);
  return saveResult(
    'gpu-check',
    {
      headline: groups.map(([part, list]) => `${part} ${ok(list)}`).join(', '),
      commands: Object.fromEntries(outcomes.map(({ part, name, command }) => [`${part} ${name}`, command])),
      seeds: [],
      steps: outcomes.map(({ part, name, code, seconds, tail }) => ({
        part,
        name,
        code,
        seconds,
        tail: tail.replaceAll(root, '.'),
      })),
    },
    cardOf(device),
  );
}
