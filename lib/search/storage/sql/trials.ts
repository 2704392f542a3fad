import { sql } from 'kysely';
import type { ParameterValue } from '../../space.ts';
import type { Json, Trial, TrialReport } from '../../trial.ts';
import { attachedTrial, newTrial } from '../rows.ts';
import type { FinishedTrial, NewTrial } from '../storage.ts';
import type { Flavour } from './flavour.ts';
import type { TrialRow, Tx } from './tables.ts';

/** PostgreSQL takes at most 65,535 parameters in one statement, SQLite 32,766. */
const rowsPerInsert = 500;

export async function readTrials(tx: Tx, study: number): Promise<readonly Trial[]> {
  const rows = await tx
    .selectFrom('lrdist_trials')
    .selectAll()
    .where('study_id', '=', study)
    .orderBy('number')
    .execute();
  return withReports(tx, study, rows);
}

/** The trials of rows; their reports are read unless there are none in the study. */
export async function withReports(tx: Tx, study: number, rows: readonly TrialRow[]): Promise<readonly Trial[]> {
  if (rows.length === 0) return [];
  const found = await tx
    .selectFrom('lrdist_reports')
    .select(['number', 'step', 'objective_values'])
    .where('study_id', '=', study)
    // Few trials, as in a claim: theirs only.
    .$if(rows.length <= 100, (query) =>
      query.where(
        'number',
        'in',
        rows.map(({ number }) => number),
      ),
    )
    .orderBy('number')
    .orderBy('step')
    .execute();
  const reports = Map.groupBy(found, ({ number }) => number);
  return rows.map((row) =>
    toTrial(
      row,
      (reports.get(row.number) ?? []).map(({ step, objective_values }) => ({
        step,
        values: JSON.parse(objective_values) as number[],
      })),
    ),
  );
}

function toTrial(row: TrialRow, reports: readonly TrialReport[]): Trial {
  return {
    number: row.number,
    state: row.state,
    origin: row.origin,
    parameters: JSON.parse(row.parameters) as Record<string, ParameterValue>,
    values: row.objective_values === null ? null : (JSON.parse(row.objective_values) as number[]),
    constraints: row.constraint_values === null ? null : (JSON.parse(row.constraint_values) as number[]),
    reports,
    attributes: JSON.parse(row.attributes) as Record<string, Json>,
    attempt: row.attempt,
    lost: row.lost,
    error: row.error,
    created: row.created,
    started: row.started,
    finished: row.finished,
  };
}

/** With the study locked. */
export async function addTrials(
  tx: Tx,
  flavour: Flavour,
  study: number,
  trials: readonly NewTrial[],
  request: string,
): Promise<readonly Trial[]> {
  return insert(tx, flavour, study, request, trials.length, (i, number, now) => newTrial(trials[i]!, number, now));
}

/** With the study locked. */
export async function attachTrials(
  tx: Tx,
  flavour: Flavour,
  study: number,
  trials: readonly FinishedTrial[],
  request: string,
): Promise<readonly Trial[]> {
  return insert(tx, flavour, study, request, trials.length, (i, number, now) => attachedTrial(trials[i]!, number, now));
}

async function insert(
  tx: Tx,
  flavour: Flavour,
  study: number,
  request: string,
  count: number,
  make: (i: number, number: number, now: number) => Trial,
): Promise<readonly Trial[]> {
  if (count === 0) return [];
  const { first, now } = await tx
    .selectFrom('lrdist_trials')
    .select([sql<number>`coalesce(max(number) + 1, 0)`.as('first'), flavour.now.as('now')])
    .where('study_id', '=', study)
    .executeTakeFirstOrThrow();
  const made = Array.from({ length: count }, (_, i) => make(i, first + i, now));
  const rows = made.map((trial) => toRow(trial, study, request));
  for (let i = 0; i < rows.length; i += rowsPerInsert)
    await tx
      .insertInto('lrdist_trials')
      .values(rows.slice(i, i + rowsPerInsert))
      .execute();
  const reports = made.flatMap(({ number, reports }) =>
    reports.map(({ step, values }) => ({ study_id: study, number, step, objective_values: JSON.stringify(values) })),
  );
  for (let i = 0; i < reports.length; i += rowsPerInsert)
    await tx
      .insertInto('lrdist_reports')
      .values(reports.slice(i, i + rowsPerInsert))
      .execute();
  return made;
}

function toRow(trial: Trial, study: number, request: string): TrialRow {
  return {
    study_id: study,
    number: trial.number,
    state: trial.state,
    origin: trial.origin,
    parameters: JSON.stringify(trial.parameters),
    objective_values: jsonOrNull(trial.values),
    constraint_values: jsonOrNull(trial.constraints),
    attributes: JSON.stringify(trial.attributes),
    attempt: trial.attempt,
    lost: trial.lost,
    error: trial.error,
    created: trial.created,
    started: trial.started,
    finished: trial.finished,
    worker: null,
    token: null,
    lease_until: null,
    request,
  };
}

/** What an earlier attempt of the same call has added, if its answer was lost. */
export async function addedBy(tx: Tx, study: number, request: string): Promise<readonly Trial[]> {
  const rows = await tx
    .selectFrom('lrdist_trials')
    .selectAll()
    .where('study_id', '=', study)
    .where('request', '=', request)
    .orderBy('number')
    .execute();
  return withReports(tx, study, rows);
}

/** Waiting trials only. With the study locked. */
export async function annotateWaiting(
  tx: Tx,
  flavour: Flavour,
  study: number,
  numbers: readonly number[],
  attributes: Trial['attributes'],
): Promise<void> {
  if (numbers.length === 0) return;
  const rows = await tx
    .selectFrom('lrdist_trials')
    .select(['number', 'attributes'])
    .where('study_id', '=', study)
    .where('state', '=', 'waiting')
    .where('number', 'in', numbers)
    .$if(flavour.kind === 'postgres', (query) => query.forUpdate())
    .execute();
  for (const row of rows)
    await tx
      .updateTable('lrdist_trials')
      .set({ attributes: mergeJson(row.attributes, attributes) })
      .where('study_id', '=', study)
      .where('number', '=', row.number)
      .execute();
}

export function mergeJson(text: string, more: Trial['attributes']): string {
  return JSON.stringify({ ...(JSON.parse(text) as Record<string, Json>), ...more });
}

export function jsonOrNull(value: readonly number[] | null | undefined): string | null {
  return value === null || value === undefined ? null : JSON.stringify(value);
}
