/** Where forgetting happens: docs/measures.md. Nothing here runs unless it is asked for. */
import type { StageMeasures } from '../../report/measures-record.ts';
import type { Model } from '../../train/model.ts';
import { type MeasureAfter, type MeasureBefore, StageMeasurement } from './stage.ts';

export {
  planMeasures,
  parseMeasures,
  measureRowsFor,
  defaultMeasureRows,
  type MeasureOptions,
  type MeasurePlan,
} from './options.ts';
export { retrainHead, maskedLmLoss, type HeldText, type RetrainOptions, type RetrainResult } from './language-model.ts';
export { otherRows } from './rows.ts';
export { readParagraphs, encodeText, maskingOf, type TextOptions } from './text.ts';
export { StageMeasurement, type MeasureAfter, type MeasureBefore } from './stage.ts';

/**
 * Takes what is needed before a stage: a copy of the weights, the tasks' gradients, states and scores on the first task's rows. The model does not change.
 * Replicas may be forked afterwards; adding heads is done before.
 *
 * @throws ERR_INVALID_OPTION for tasks without the rows, labels or heads that the measures need
 */
export async function measureBefore(model: Model, options: MeasureBefore): Promise<StageMeasurement> {
  const measurement = new StageMeasurement(model, options);
  await measurement.before();
  return measurement;
}

/** The stage's measures, by replica: plain data. Releases what `measureBefore` holds. */
export function measureAfter(measurement: StageMeasurement, options: MeasureAfter = {}): Promise<StageMeasures> {
  return measurement.after(options);
}
