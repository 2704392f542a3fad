import type { Trial, TrialReport } from '../../trial.ts';
import { sameOutcome } from '../rows.ts';
import type { Claim, ClaimOptions, Outcome } from '../storage.ts';
import type { Flavour } from './flavour.ts';
import type { TrialRow, Tx } from './tables.ts';
import { jsonOrNull, mergeJson, withReports } from './trials.ts';

/** `token` names the call: all trials claimed by it bear it. */
export async function claimTrials(
  tx: Tx,
  flavour: Flavour,
  study: number,
  { count, worker, lease, trials }: ClaimOptions,
  token: string,
): Promise<readonly Claim[]> {
  if (count === 0 || trials?.length === 0) return [];
  const rows = await tx
    .with('due', (db) =>
      db
        .selectFrom('lrdist_trials')
        .select('number')
        .where('study_id', '=', study)
        .where((where) =>
          where.or([
            where('state', '=', 'waiting'),
            where.and([where('state', '=', 'running'), where('lease_until', '<=', flavour.now)]),
          ]),
        )
        .$if(trials !== undefined, (query) => query.where('number', 'in', trials!))
        .orderBy('number')
        .limit(count)
        // What another worker is claiming just now is his: no waiting for him, and no trial twice.
        .$if(flavour.kind === 'postgres', (query) => query.forUpdate().skipLocked()),
    )
    .updateTable('lrdist_trials')
    .set(({ eb, fn }) => ({
      state: 'running',
      attempt: eb('attempt', '+', 1),
      // A running trial is due because its worker was not heard of.
      lost: eb
        .case()
        .when('state', '=', 'running')
        .then(eb('lost', '+', 1))
        .else(eb.ref('lost'))
        .end(),
      started: fn.coalesce('started', flavour.now),
      worker,
      token,
      lease_until: eb(flavour.now, '+', Math.ceil(lease)),
    }))
    .where('study_id', '=', study)
    .where('number', 'in', (db) => db.selectFrom('due').select('number'))
    .returningAll()
    .execute();
  return toClaims(tx, study, rows, token);
}

/** What an earlier attempt of the same call has claimed, if its answer was lost. */
export async function claimedBy(tx: Tx, study: number, token: string): Promise<readonly Claim[]> {
  const rows = await tx
    .selectFrom('lrdist_trials')
    .selectAll()
    .where('study_id', '=', study)
    .where('state', '=', 'running')
    .where('token', '=', token)
    .execute();
  return toClaims(tx, study, rows, token);
}

async function toClaims(tx: Tx, study: number, rows: readonly TrialRow[], token: string): Promise<readonly Claim[]> {
  const ordered = rows.toSorted((a, b) => a.number - b.number);
  return (await withReports(tx, study, ordered)).map((trial) => ({ trial, token }));
}

export async function renewClaims(
  tx: Tx,
  flavour: Flavour,
  study: number,
  claims: readonly Claim[],
  lease: number,
): Promise<readonly Claim[]> {
  const held: Claim[] = [];
  for (const claim of byNumber(claims)) {
    const { numUpdatedRows } = await updateHeld(tx, study, claim)
      .set(({ eb }) => ({ lease_until: eb(flavour.now, '+', Math.ceil(lease)) }))
      .executeTakeFirst();
    if (numUpdatedRows > 0n) held.push(claim);
  }
  return claims.filter((claim) => held.includes(claim));
}

export async function releaseClaims(tx: Tx, study: number, claims: readonly Claim[]): Promise<void> {
  for (const claim of byNumber(claims)) await updateHeld(tx, study, claim).set({ state: 'waiting' }).execute();
}

/** Always in the same order, so that two transactions cannot wait for each other. */
function byNumber(claims: readonly Claim[]): readonly Claim[] {
  return claims.toSorted((a, b) => a.trial.number - b.trial.number);
}

function updateHeld(tx: Tx, study: number, { trial, token }: Claim) {
  return tx
    .updateTable('lrdist_trials')
    .where('study_id', '=', study)
    .where('number', '=', trial.number)
    .where('state', '=', 'running')
    .where('token', '=', token);
}

/** The row of a claim, kept from others until the transaction ends; undefined if another claim has it. */
async function ownRow(
  tx: Tx,
  { kind }: Flavour,
  study: number,
  { trial, token }: Claim,
): Promise<TrialRow | undefined> {
  return tx
    .selectFrom('lrdist_trials')
    .selectAll()
    .where('study_id', '=', study)
    .where('number', '=', trial.number)
    .where('token', '=', token)
    .$if(kind === 'postgres', (query) => query.forUpdate())
    .executeTakeFirst();
}

export async function reportTrial(
  tx: Tx,
  flavour: Flavour,
  study: number,
  claim: Claim,
  { step, values }: TrialReport,
): Promise<boolean> {
  const row = await ownRow(tx, flavour, study, claim);
  if (row?.state !== 'running') return false;
  const objective_values = JSON.stringify(values);
  await tx
    .insertInto('lrdist_reports')
    .values({ study_id: study, number: row.number, step, objective_values })
    .onConflict((conflict) => conflict.columns(['study_id', 'number', 'step']).doUpdateSet({ objective_values }))
    .execute();
  return true;
}

export async function annotateTrial(
  tx: Tx,
  flavour: Flavour,
  study: number,
  claim: Claim,
  attributes: Trial['attributes'],
): Promise<boolean> {
  const row = await ownRow(tx, flavour, study, claim);
  if (row?.state !== 'running') return false;
  await updateHeld(tx, study, claim)
    .set({ attributes: mergeJson(row.attributes, attributes) })
    .execute();
  return true;
}

export async function finishTrial(
  tx: Tx,
  flavour: Flavour,
  study: number,
  claim: Claim,
  outcome: Outcome,
): Promise<boolean> {
  const row = await ownRow(tx, flavour, study, claim);
  if (row === undefined) return false;
  if (row.state !== 'running') return sameOutcome((await withReports(tx, study, [row]))[0]!, outcome);
  const { state, values, constraints, attributes, error } = outcome;
  await updateHeld(tx, study, claim)
    .set({
      state,
      objective_values: jsonOrNull(values),
      constraint_values: jsonOrNull(constraints),
      attributes: mergeJson(row.attributes, attributes ?? {}),
      error: error ?? null,
      finished: flavour.now,
    })
    .execute();
  return true;
}
