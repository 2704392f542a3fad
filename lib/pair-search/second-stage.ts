import { pairScores } from '../forgetting/scores.ts';
import { askRung, type BatchRun, type RungScores } from './batch-run.ts';
import { memberOf, penaltyOf, stageOf } from './members.ts';
import { scoresOf } from './pair-model.ts';
import { epochsOf, secondTraining } from './stage-training.ts';
import { type Member, runInStages, type Stop } from './staged-run.ts';

/** Trains and scores the second stage of these candidates: replica k is that of `which[k]`, and `before[k]` its score of the first task. */
export async function runSecondStage(
  run: BatchRun,
  which: readonly number[],
  before: readonly number[],
): Promise<void> {
  const { pair, beginning, options } = run;
  const { model, mode } = pair;
  const start = mode === 'keep' ? beginning.slot : await model.session.snapshot('weights');
  const members = which.map((index) => secondMember(run, index, start));
  const staged = stageOf(pair, members, secondTraining(pair.options), 1, options);
  try {
    await runInStages(staged, async (stop) => {
      const running = await scoreStop(run, stop, (index) => before[which.indexOf(index)]!);
      const going = await askRung(run, stop.epoch, running);
      return stop.members.filter(({ index }) => going.has(index));
    });
  } finally {
    if (start !== beginning.slot) model.session.release(start);
  }
}

function secondMember({ pair, beginning, candidates }: BatchRun, index: number, start: number): Member {
  const candidate = candidates[index]!;
  const training = secondTraining(pair.options);
  return memberOf(candidate, index, {
    training,
    epochs: candidate.epochs ?? epochsOf(training),
    regularizer: penaltyOf(candidate, pair.options, training, start, beginning.memory),
  });
}

/** Ends those that are at their last epoch, or no longer finite. @returns the scores of the others */
async function scoreStop(
  { pair, options: { signal }, endings }: BatchRun,
  { epoch, members, finite }: Stop,
  beforeOf: (index: number) => number,
): Promise<ReadonlyMap<number, RungScores>> {
  const [p_o, p_s] = [await scoresOf(pair, 0, signal), await scoresOf(pair, 1, signal)];
  const running = new Map<number, RungScores>();
  for (const [k, { index, epochs }] of members.entries()) {
    const scores = pairScores(pair.metrics, beforeOf(index), p_s[k]!, p_o[k]!);
    if (!finite[k]) endings[index] = { state: 'not_finite' };
    else if (epochs === epoch) endings[index] = { state: 'complete', scores };
    else running.set(index, scores);
  }
  return running;
}
