/** Scores of one sequence from its result matrix. */
import { chanceNormalised } from '../metrics/glue.ts';
import {
  averageAccuracy,
  backwardTransfer,
  forgetting,
  forwardTransfer,
  intransigence,
  type ScoreMatrix,
} from '../metrics/continual.ts';
import type { ResultMatrix, SequenceScores, TaskMetric } from '../report/sequence-record.ts';
import { objectiveOf } from './scores.ts';

export interface MatrixContext {
  /** In the order of learning. */
  readonly metrics: readonly TaskMetric[];
  /** Scores of the untrained model with new heads; absent where it was not scored. */
  readonly untrained?: readonly number[] | undefined;
  /** Scores of models trained on one task alone. */
  readonly alone?: readonly number[] | undefined;
}

/** null: not measured. NaN: a model that stopped being finite. */
export function sequenceScores(R: ResultMatrix, context: MatrixContext): SequenceScores {
  const { metrics } = context;
  const normalise = (row: readonly (number | null)[]): (number | null)[] =>
    row.map((score, j) => (score === null ? null : chanceNormalised(score, metrics[j]!.chance)));
  const plain = measures(R, context.untrained, context.alone);
  const normalised = measures(
    R.map(normalise),
    context.untrained && (normalise(context.untrained) as number[]),
    context.alone && (normalise(context.alone) as number[]),
  );
  const pair = R.length === 2 ? pairOf(R, metrics as [TaskMetric, TaskMetric]) : {};
  return {
    ...plain,
    ...pair,
    normalised_ACC: normalised.ACC,
    normalised_BWT: normalised.BWT,
    normalised_FWT: normalised.FWT,
    normalised_forgetting: normalised.forgetting,
    normalised_intransigence: normalised.intransigence,
  };
}

type Measures = Record<'ACC' | 'BWT' | 'FWT' | 'forgetting' | 'intransigence', number | null>;

function measures(R: ResultMatrix, untrained?: readonly number[], alone?: readonly number[]): Measures {
  // Before it is learned a task's score is the luck of a new head: no best score to fall from.
  const learned: ScoreMatrix = R.map((row, i) => row.map((score, j) => (j > i ? -Infinity : (score ?? NaN))));
  const zeroShot = R.slice(1).every((_, j) => R[j]![j + 1] !== null);
  return {
    ACC: averageAccuracy(learned),
    BWT: backwardTransfer(learned),
    FWT: untrained === undefined || !zeroShot ? null : forwardTransfer(R as ScoreMatrix, untrained),
    forgetting: forgetting(learned),
    intransigence: alone === undefined ? null : intransigence(learned, alone),
  };
}

function pairOf(R: ResultMatrix, metrics: readonly [TaskMetric, TaskMetric]): Partial<SequenceScores> {
  const [[before], [p_o, p_s]] = R as unknown as [[number], [number, number]];
  return { before, p_s, p_o, objective: objectiveOf(metrics, p_o, p_s) };
}
