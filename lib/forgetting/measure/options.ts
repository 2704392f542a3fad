import { z } from 'zod';
import { LrdistError, nearest } from '../../errors.ts';
import { type MeasureName, measureNames, type MeasureRows } from '../../report/measures-record.ts';
import { check } from '../../train/check.ts';
import { rowsOf } from '../../train/task.ts';
import type { HeldText } from './language-model.ts';

/** Rows of a run that is long enough for them: all measures together stay below a tenth of its time (docs/measures.md). */
export const defaultMeasureRows: MeasureRows = { conflict: 64, scored: 256, probe: 384, masked_lm: 32 };
const leastMeasureRows: MeasureRows = { conflict: 8, scored: 32, probe: 48, masked_lm: 4 };
/** Rows trained on, epochs counted, from which on a run is that long. */
const longRun = 12_000;

/** Default rows for a run that trains each replica on so many rows, epochs and stages counted: in proportion where it is short, down to an eighth. */
export function measureRowsFor(trainedRows: number): MeasureRows {
  const share = Math.min(1, trainedRows / longRun);
  const of = (name: keyof MeasureRows): number =>
    Math.max(Math.round(share * defaultMeasureRows[name]), leastMeasureRows[name]);
  return { conflict: of('conflict'), scored: of('scored'), probe: of('probe'), masked_lm: of('masked_lm') };
}

export interface MeasureOptions {
  /** Default: all, `masked_lm` only where `text` is given. */
  readonly measures?: readonly MeasureName[];
  /** Default: `measureRowsFor` the run. */
  readonly rows?: Partial<MeasureRows>;
  /** Held text for `masked_lm`; the model needs a masked-LM head. */
  readonly text?: HeldText;
  /** Train the masked-LM head before the first stage, on the rows of `text` that are not measured (`retrainHead`). Default false. */
  readonly retrainHead?: boolean;
}

export interface MeasurePlan {
  readonly measures: readonly MeasureName[];
  readonly rows: MeasureRows;
  readonly text: HeldText | undefined;
  readonly retrainHead: boolean;
}

const count = (least: number) => z.number().int().min(least);
const schema = z.strictObject({
  measures: z.array(z.enum(measureNames)).readonly().optional(),
  rows: z
    .strictObject({
      conflict: count(1).optional(),
      scored: count(2).optional(),
      probe: count(4).optional(),
      masked_lm: count(1).optional(),
    })
    .default({}),
  text: z.custom<HeldText>((value) => typeof value === 'object' && value !== null, 'expected text').optional(),
  retrainHead: z.boolean().default(false),
});

/**
 * Options, checked, with defaults; undefined where nothing is to be measured (`false`, no options, an empty list).
 *
 * @param trainedRows rows that the run trains each replica on, epochs and stages counted: a short run is measured on fewer rows by default
 * @throws ERR_INVALID_OPTION, ERR_UNKNOWN_OPTION
 */
export function planMeasures(
  options: MeasureOptions | boolean | undefined,
  trainedRows = Infinity,
): MeasurePlan | undefined {
  if (options === undefined || options === false) return undefined;
  const { rows, text, retrainHead, ...given } = check(schema, options === true ? {} : options, 'measures');
  const wanted = given.measures ?? measureNames.filter((name) => name !== 'masked_lm' || text !== undefined);
  if (wanted.includes('masked_lm') && text === undefined)
    throw new LrdistError('ERR_INVALID_OPTION', 'measures: masked_lm needs held text', {
      remedy: 'Give a text file to measure on, or leave masked_lm out.',
    });
  if (!wanted.includes('masked_lm') && text !== undefined)
    throw new LrdistError('ERR_INVALID_OPTION', 'measures: held text is given, and masked_lm is not measured', {
      remedy: 'Add masked_lm to the measures, or leave the text out.',
    });
  if (retrainHead && text === undefined)
    throw new LrdistError('ERR_INVALID_OPTION', 'measures: retrainHead would do nothing without masked_lm', {
      remedy: 'Leave it out, or measure masked_lm.',
    });
  const measures = measureNames.filter((name) => wanted.includes(name));
  if (measures.length === 0) return undefined;
  const defaults = measureRowsFor(trainedRows);
  const maskedLm = rows.masked_lm ?? defaults.masked_lm;
  if (retrainHead && text !== undefined && rowsOf(text.rows) <= maskedLm)
    throw new LrdistError(
      'ERR_INVALID_OPTION',
      `measures: the text has ${rowsOf(text.rows)} rows and ${maskedLm} are measured, so none is left to train the head on`,
      { remedy: 'Give a longer text, or measure fewer rows.' },
    );
  return {
    measures,
    rows: {
      conflict: rows.conflict ?? defaults.conflict,
      scored: rows.scored ?? defaults.scored,
      probe: rows.probe ?? defaults.probe,
      masked_lm: maskedLm,
    },
    text,
    retrainHead,
  };
}

/**
 * Reads the command line's list: `all`, `none`, or names with an optional number of rows, `drift,conflict:256`. Rows of `similarity` are the scored rows.
 * `all` is without masked_lm unless `withText`.
 *
 * @throws ERR_INVALID_OPTION
 */
export function parseMeasures(list: string, withText: boolean): Pick<MeasureOptions, 'measures' | 'rows'> | undefined {
  const words = list
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');
  if (words.length === 0 || (words.length === 1 && words[0] === 'none')) return undefined;
  if (words.length === 1 && words[0] === 'all')
    return { measures: measureNames.filter((name) => name !== 'masked_lm' || withText) };
  const rows: Partial<Record<keyof MeasureRows, number>> = {};
  const measures = words.map((word) => {
    const [name, number, ...rest] = word.split(':') as [string, ...string[]];
    const known = measureNames.find((one) => one === name.replaceAll('-', '_'));
    if (known === undefined) throw unknown(name);
    if (number === undefined) return known;
    if (known === 'drift' || rest.length > 0 || !/^[1-9]\d{0,8}$/.test(number))
      throw new LrdistError(
        'ERR_INVALID_OPTION',
        `measures: expected ${known}${known === 'drift' ? '' : ' or, with a number of rows, ' + known + ':256'}, received "${word}"`,
      );
    rows[known === 'similarity' ? 'scored' : known] = Number(number);
    return known;
  });
  return { measures, rows };
}

function unknown(name: string): LrdistError {
  const near = nearest(name, measureNames);
  return new LrdistError('ERR_INVALID_OPTION', `measures: there is no measure "${name}"`, {
    remedy: near === undefined ? `Known are ${measureNames.join(', ')}, all, none.` : `Did you mean ${near}?`,
  });
}
