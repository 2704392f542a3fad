/** The language-model head that masked-LM losses and Fisher information are taken with. */
import { selectRows } from '../data/select.ts';
import { LrdistError } from '../errors.ts';
import type { Model } from '../train/model.ts';
import { otherRows, retrainHead } from './measure/index.ts';
import type { SequencePlan } from './sequence-plan.ts';

/**
 * Makes the run's model fit for the measure masked_lm: trains the head on rows that are not measured, or sees that the checkpoint has one. To be called
 * before the first stage; the stages run as they would have without it.
 *
 * @throws ERR_MODEL_UNSUPPORTED, ERR_LOSS_NOT_FINITE
 */
export async function readyHead({ measures, options }: SequencePlan, model: Model, seed: number): Promise<void> {
  if (measures?.measures.includes('masked_lm') !== true) return;
  const { rows, masking } = measures.text!;
  if (!measures.retrainHead) {
    requireLanguageHead(model, 'the measure masked_lm');
    return;
  }
  const { signal } = options;
  const others = otherRows(rows, measures.rows.masked_lm, seed, 'text');
  await retrainHead(model, { rows: selectRows(rows, others), masking }, signal === undefined ? {} : { signal });
}

/** @throws ERR_MODEL_UNSUPPORTED if the head is new: what a model of random outputs loses says nothing */
export function requireLanguageHead({ path, loaded }: Model, use: string): void {
  if (!loaded.fresh.some((name) => name.startsWith('cls.'))) return;
  throw new LrdistError('ERR_MODEL_UNSUPPORTED', `${path} has no language-model head, which ${use} needs`, {
    remedy: `Take a checkpoint saved as BertForMaskedLM, train a head on the text (--retrain_head), or do without ${use}.`,
  });
}

/** Which head the numbers are of. */
export function headNotes({ measures, options, penalties }: SequencePlan): string[] {
  const own = "the checkpoint's own language-model head";
  const trained = 'a language-model head trained on the text before the first stage';
  const notes: string[] = [];
  if (penalties.some(({ stages }) => stages.some(({ kind }) => kind.name === 'ewc-pretrained')))
    notes.push(
      `ewc-pretrained: the Fisher information is that of ${options.pretraining?.retrainHead === true ? trained : own}.`,
    );
  if (measures?.measures.includes('masked_lm') === true)
    notes.push(
      `masked_lm: the losses are those of ${measures.retrainHead ? `${trained}, on rows that were not measured` : own}.`,
    );
  return notes;
}
