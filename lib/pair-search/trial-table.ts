/** Trials of a search over a pair as a trial table: what `lrdist combine` takes. */
import { LrdistError } from '../errors.ts';
import type { ScoreName, TrialRow, TrialTable } from '../rates/trial-table.ts';
import type { StoredStudy } from '../search/storage/storage.ts';
import { isFinished, type Json, type Trial } from '../search/trial.ts';
import type { PairSpec } from './spec.ts';

/** The part of a study's protocol that pairs put there. */
type Protocol = Pick<PairSpec, 'tasks' | 'mode' | 'protocol' | 'space'> & {
  readonly model: string;
  readonly layers: number;
  readonly split: string;
  readonly training: { readonly epochs?: number };
  readonly groups: readonly string[];
};

/**
 * The finished trials with their scores; rates are those of the last stage.
 *
 * @throws ERR_PROTOCOL_MISMATCH for a study that is not over a pair of tasks
 */
export function trialTable(study: StoredStudy, trials: readonly Trial[]): TrialTable {
  const protocol = study.protocol as unknown as Protocol;
  if (!Array.isArray(protocol.tasks) || !Array.isArray(protocol.groups))
    throw new LrdistError('ERR_PROTOCOL_MISMATCH', `the study "${study.name}" is not a search over a pair of tasks`, {
      remedy: 'Only studies made by lrdist search have rates and scores of two tasks.',
    });
  return {
    source: study.name,
    groups: protocol.groups,
    ordered: false,
    rows: trials.filter(isFinished).map((trial) => rowOf(study, protocol, trial)),
    unused: [],
  };
}

function rowOf(study: StoredStudy, protocol: Protocol, { number, state, attributes }: Trial): TrialRow {
  const { tasks, mode, layers, space, split, training, groups } = protocol;
  const rates = (attributes['rates'] as readonly Readonly<Record<string, number>>[] | undefined)?.at(-1);
  return {
    pair: tasks.join('->'),
    state: state,
    rates: rates === undefined ? null : groups.map((group) => rates[group]!),
    scores: state === 'complete' ? scoresOf(attributes) : {},
    context: {
      model: protocol.model,
      layers: String(layers),
      protocol: protocol.protocol ?? mode,
      grouping: space.grouping,
      split,
      epochs: String(training.epochs ?? 3),
    },
    seed: (attributes['seed'] as number | undefined) ?? study.seed,
    where: `${study.name}:${number}`,
  };
}

function scoresOf(attributes: Readonly<Record<string, Json>>): TrialRow['scores'] {
  const names: readonly ScoreName[] = ['before', 'p_s', 'p_o'];
  return Object.fromEntries(
    names.flatMap((name) => (typeof attributes[name] === 'number' ? [[name, attributes[name]]] : [])),
  );
}
