/** Trials as a table for people. */
import { formatRate } from '../../rates/distribution.ts';
import { alignColumns } from '../../rates/table.ts';
import type { StoredStudy } from '../../search/storage/storage.ts';
import type { Trial } from '../../search/trial.ts';
import { profile, rateAxis } from './profile.ts';

const scoreNames = ['before', 'p_s', 'p_o'] as const;

/** In points, as all tables of scores: hundredths. */
export function score(value: number | undefined | null): string {
  return value === undefined || value === null || !Number.isFinite(value) ? '-' : (100 * value).toFixed(1);
}

/** The rates of a trial's last stage, in the order of the groups; undefined until it has finished. */
export function ratesOf({ protocol }: StoredStudy, { attributes }: Trial): readonly number[] | undefined {
  const rates = (attributes['rates'] as readonly Readonly<Record<string, number>>[] | undefined)?.at(-1);
  const groups = protocol['groups'] as readonly string[] | undefined;
  if (rates === undefined) return undefined;
  return (groups ?? Object.keys(rates)).map((group) => rates[group]!);
}

export function drawingOf(study: StoredStudy, trial: Trial): string {
  const rates = ratesOf(study, trial);
  return rates === undefined ? '' : profile(rates, rateAxis(study.space));
}

/** A line for each trial: what it is, its values, its scores, its rates as a drawing; of other studies the parameters. */
export function trialsText(study: StoredStudy, trials: readonly Trial[]): string {
  const pair = Array.isArray(study.protocol['groups']);
  const scores = scoreNames.filter((name) => trials.some(({ attributes }) => typeof attributes[name] === 'number'));
  const values = study.objectives.filter((name) => !scores.some((each) => each === name));
  const heading = ['trial', 'what', 'state', ...values, ...scores, 'epochs', pair ? 'rates' : 'parameters'];
  const rows = trials.map((trial) => {
    const { number, state, attributes, values: of, reports } = trial;
    const shown = (value: number | undefined): string => (pair ? score(value) : numberText(value));
    return [
      String(number),
      whatOf(trial),
      state,
      ...values.map((name) => shown(of?.[study.objectives.indexOf(name)])),
      ...scores.map((name) => score(attributes[name] as number | undefined)),
      state === 'complete' ? String(study.maxStep) : String(reports.at(-1)?.step ?? ''),
      pair ? drawingOf(study, trial) : parametersText(trial),
    ];
  });
  const right = heading.map((name) => !['what', 'state', 'rates', 'parameters'].includes(name));
  return alignColumns([heading, ...rows], right);
}

/** `flat@1e-5`, `tpe`-like origins, `attached`. */
function whatOf({ attributes, origin }: Trial): string {
  return typeof attributes['known'] === 'string' ? attributes['known'] : origin;
}

function numberText(value: number | undefined): string {
  return value === undefined ? '-' : String(Number(value.toPrecision(6)));
}

function parametersText({ parameters }: Trial): string {
  return Object.entries(parameters)
    .map(([name, value]) => `${name}=${typeof value === 'number' ? formatRate(Number(value.toPrecision(4))) : value}`)
    .join(' ');
}
