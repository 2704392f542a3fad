import { studyExists, studyNotFound } from '../backend.ts';
import type { StoredStudy, StudyDefinition } from '../storage.ts';
import type { Flavour } from './flavour.ts';
import type { Tx } from './tables.ts';

interface StudyRow {
  readonly id: number;
  readonly definition: string;
  readonly created: number;
}

const columns = ['lrdist_studies.id', 'definition', 'lrdist_studies.created'] as const;

function toStudy({ id, definition, created }: StudyRow): StoredStudy {
  return { ...(JSON.parse(definition) as StudyDefinition), id, created };
}

/** `request` names the call: a repetition of it finds what it has made. */
export async function createStudy(
  tx: Tx,
  { now, address }: Flavour,
  definition: StudyDefinition,
  request: string,
): Promise<StoredStudy> {
  await tx
    .insertInto('lrdist_studies')
    .values({ name: definition.name, definition: JSON.stringify(definition), created: now, request })
    .onConflict((conflict) => conflict.column('name').doNothing())
    .execute();
  const row = await tx
    .selectFrom('lrdist_studies')
    .select([...columns, 'request'])
    .where('name', '=', definition.name)
    .executeTakeFirst();
  if (row?.request !== request) throw studyExists(definition.name, address);
  return toStudy(row);
}

export async function findStudy(tx: Tx, name: string): Promise<StoredStudy | undefined> {
  const row = await tx.selectFrom('lrdist_studies').select(columns).where('name', '=', name).executeTakeFirst();
  return row === undefined ? undefined : toStudy(row);
}

/** @throws ERR_STUDY_NOT_FOUND */
export async function getStudy(tx: Tx, { address }: Flavour, id: number): Promise<StoredStudy> {
  const row = await tx.selectFrom('lrdist_studies').select(columns).where('id', '=', id).executeTakeFirst();
  if (row === undefined) throw studyNotFound(id, address);
  return toStudy(row);
}

export async function listStudies(tx: Tx): Promise<readonly (StoredStudy & { readonly trials: number })[]> {
  const rows = await tx
    .selectFrom('lrdist_studies')
    .leftJoin('lrdist_trials', 'study_id', 'lrdist_studies.id')
    .select([...columns, ({ fn }) => fn.count<number>('number').as('trials')])
    .groupBy('lrdist_studies.id')
    .orderBy('lrdist_studies.id')
    .execute();
  return rows.map((row) => ({ ...toStudy(row), trials: row.trials }));
}

export async function deleteStudy(tx: Tx, flavour: Flavour, name: string): Promise<boolean> {
  const study = await findStudy(tx, name);
  if (study === undefined) return false;
  await flavour.lockStudy(tx, study.id);
  await tx.deleteFrom('lrdist_reports').where('study_id', '=', study.id).execute();
  await tx.deleteFrom('lrdist_trials').where('study_id', '=', study.id).execute();
  await tx.deleteFrom('lrdist_studies').where('id', '=', study.id).execute();
  return true;
}
