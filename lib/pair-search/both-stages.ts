import { askRung, type BatchRun } from './batch-run.ts';
import { memberOf, stageOf } from './members.ts';
import { scoresOf } from './pair-model.ts';
import { runSecondStage } from './second-stage.ts';
import { epochsOf, firstTraining } from './stage-training.ts';
import { type Member, runInStages, type Stop } from './staged-run.ts';

/** Candidates that went on after their first stage, and their scores of the first task. Replica k is that of `which[k]`. */
interface Halfway {
  readonly which: readonly number[];
  readonly before: readonly number[];
}

/** Paper mode: a first stage by each candidate's rates, those with the same ones trained once, then the second. */
export async function runBothStages(run: BatchRun): Promise<void> {
  const { which, before } = await runFirstStage(run);
  // Rungs are epochs of the first stage.
  if (which.length > 0) await runSecondStage({ ...run, options: { ...run.options, rungs: [] } }, which, before);
}

async function runFirstStage(run: BatchRun): Promise<Halfway> {
  const { pair, options } = run;
  const training = firstTraining(pair.options);
  const epochs = epochsOf(training);
  const { members, sharing } = firstMembers(run, epochs);
  await pair.model.setReplicas(members.map(() => 0));
  let halfway: Halfway = { which: [], before: [] };
  await runInStages(stageOf(pair, members, training, 0, options), async (stop) => {
    const known = await scoreStop(run, stop, sharing);
    const going = await askRung(run, stop.epoch, known);
    if (stop.epoch === epochs) {
      const which = [...known.keys()].filter((index) => going.has(index)).sort((a, b) => a - b);
      halfway = { which, before: which.map((index) => known.get(index)!.before) };
      const place = which.map((index) => stop.members.findIndex((member) => sharing(member).includes(index)));
      if (which.length > 0) await pair.model.setReplicas(place);
    }
    return stop.members.filter((member) => sharing(member).some((index) => going.has(index)));
  });
  return halfway;
}

/** A member for each different first stage, and the candidates whose it is. */
function firstMembers({ pair, candidates }: BatchRun, epochs: number) {
  const training = firstTraining(pair.options);
  const keys = candidates.map(({ distribution, weightDecay, warmupRatio }) =>
    JSON.stringify([distribution.groups, distribution.stages[0], weightDecay, warmupRatio]),
  );
  const members = [...new Set(keys)].map((key) => {
    const index = keys.indexOf(key);
    return memberOf(candidates[index]!, index, { training, epochs, regularizer: { kind: 'none' } });
  });
  const sharing = ({ index }: Member): number[] =>
    candidates.flatMap((_, other) => (keys[other] === keys[index] ? [other] : []));
  return { members, sharing };
}

/** Ends those that are no longer finite. @returns the scores of the others */
async function scoreStop(
  { pair, options: { signal }, endings }: BatchRun,
  { members, finite }: Stop,
  sharing: (member: Member) => readonly number[],
): Promise<ReadonlyMap<number, { readonly before: number }>> {
  const scores = await scoresOf(pair, 0, signal);
  const known = new Map<number, { readonly before: number }>();
  for (const [k, member] of members.entries())
    for (const index of sharing(member))
      if (finite[k]) known.set(index, { before: scores[k]! });
      else endings[index] = { state: 'not_finite' };
  return known;
}
