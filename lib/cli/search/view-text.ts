/** The lines of a running search. */
import type { Pair } from '../../pair-search/pair.ts';
import { ratesAt } from '../../rates/distribution.ts';
import { alignColumns } from '../../rates/table.ts';
import type { StoredStudy } from '../../search/storage/storage.ts';
import type { Trial } from '../../search/trial.ts';
import { formatSeconds } from '../progress.ts';
import { profile, rateAxis } from '../study/profile.ts';
import { drawingOf, score } from '../study/trials-text.ts';
import type { RunningTrial, ViewState } from './view-state.ts';

export interface ViewContext {
  readonly study: StoredStudy;
  readonly pair: Pick<Pair, 'space'>;
  readonly state: ViewState;
  readonly now: number;
}

/** `qnli-sst2 12/50, best 151.2 (trial 3), 4:10 left`. */
export function headline({ study, state, now }: ViewContext): string {
  const parts = [`${study.name} ${state.done}/${state.total}`];
  const best = state.best();
  if (best !== undefined) parts.push(`best ${valuesText(best.values)} (trial ${best.number})`);
  const left = state.secondsLeft(now);
  if (left !== undefined && state.done < state.total) parts.push(`${formatSeconds(left)} left`);
  if (state.waiting.length > 0)
    parts.push(`waiting for trial${state.waiting.length > 1 ? 's' : ''} ${state.waiting.join(', ')} of other workers`);
  return parts.join(', ');
}

/** The headline, the best trial's rates, and a line for each running trial. */
export function viewLines(context: ViewContext): readonly string[] {
  const { study, state } = context;
  const best = state.best();
  const bar = progressBar(state.total === 0 ? 1 : state.done / state.total);
  const lines = [`${bar} ${headline(context)}`];
  if (best !== undefined) lines.push(`best so far   ${drawingOf(study, best)}`);
  if (state.running.size > 0) {
    const rows = [...state.running.values()].map((running) => runningRow(context, running));
    lines.push(
      alignColumns(
        [['trial', 'stage', 'done', 'epoch', 'score', 'rates'], ...rows],
        [true, true, true, true, true, false],
      ),
    );
  }
  return lines.join('\n').split('\n');
}

function runningRow({ study, pair, state }: ViewContext, running: RunningTrial): string[] {
  const { trial, stage, step, of, epoch, values } = running;
  return [
    String(trial),
    stage > 0 ? String(stage) : '-',
    of > 0 ? `${Math.floor((100 * step) / of)} %` : '-',
    epoch > 0 ? String(epoch) : '-',
    valuesText(values),
    plannedDrawing(study, pair, state.trial(trial)),
  ];
}

function plannedDrawing(study: StoredStudy, { space }: Pick<Pair, 'space'>, trial: Trial | undefined): string {
  if (trial === undefined) return '';
  const { distribution } = space.decode(trial.parameters, `trial-${trial.number}`);
  return profile([...ratesAt(distribution, distribution.stages.length - 1)], rateAxis(study.space));
}

/** `trial 7 complete 151.2 ▁▂▅█ after 3 epochs`. */
export function finishedLine(study: StoredStudy, trial: Trial): string {
  const { number, state, values, error, reports, attributes } = trial;
  const known = typeof attributes['known'] === 'string' ? ` (${attributes['known']})` : '';
  const epochs = state === 'pruned' ? ` after epoch ${reports.at(-1)?.step ?? 0}` : '';
  const result =
    state === 'failed' ? `: ${error?.split('\n')[0] ?? ''}` : ` ${valuesText(values)} ${drawingOf(study, trial)}`;
  return `trial ${number}${known} ${state}${epochs}${result}`;
}

function valuesText(values: readonly number[] | null | undefined): string {
  return values === null || values === undefined ? '-' : values.map(score).join('/');
}

function progressBar(share: number): string {
  const width = 20;
  const full = Math.round(Math.min(1, Math.max(0, share)) * width);
  return `${'█'.repeat(full)}${'░'.repeat(width - full)}`;
}
