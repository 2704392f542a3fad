import { z } from 'zod';
import { LrdistError, nearest } from '../../errors.ts';
import { type MeasureName, measureNames, type MeasureRows } from '../../report/measures-record.ts';
import { check } from '../../train/check.ts';
import type { HeldText } from './language-model.ts';

/** Sizes with which all measures together stay below a tenth of a run on 2,000 rows a task (docs/measures.md). */
export const defaultMeasureRows: MeasureRows = { conflict: 64, scored: 256, probe: 384, masked_lm: 32 };

export interface MeasureOptions {
  /** Default: all, `masked_lm` only where `text` is given. */
  readonly measures?: readonly MeasureName[];
  readonly rows?: Partial<MeasureRows>;
  /** Held text for `masked_lm`; the model needs a masked-LM head. */
  readonly text?: HeldText;
}

export interface MeasurePlan {
  readonly measures: readonly MeasureName[];
  readonly rows: MeasureRows;
  readonly text: HeldText | undefined;
}

const count = (least: number) => z.number().int().min(least);
const schema = z.strictObject({
  measures: z.array(z.enum(measureNames)).readonly().optional(),
  rows: z
    .strictObject({
      conflict: count(1).default(defaultMeasureRows.conflict),
      scored: count(2).default(defaultMeasureRows.scored),
      probe: count(4).default(defaultMeasureRows.probe),
      masked_lm: count(1).default(defaultMeasureRows.masked_lm),
    })
    .prefault({}),
  text: z.custom<HeldText>((value) => typeof value === 'object' && value !== null, 'expected text').optional(),
});

/**
 * Options, checked, with defaults; undefined where nothing is to be measured (`false`, no options, an empty list).
 *
 * @throws ERR_INVALID_OPTION, ERR_UNKNOWN_OPTION
 */
export function planMeasures(options: MeasureOptions | boolean | undefined): MeasurePlan | undefined {
  if (options === undefined || options === false) return undefined;
  const { rows, text, ...given } = check(schema, options === true ? {} : options, 'measures');
  const wanted = given.measures ?? measureNames.filter((name) => name !== 'masked_lm' || text !== undefined);
  if (wanted.includes('masked_lm') && text === undefined)
    throw new LrdistError('ERR_INVALID_OPTION', 'measures: masked_lm needs held text', {
      remedy: 'Give a text file to measure on, or leave masked_lm out.',
    });
  if (!wanted.includes('masked_lm') && text !== undefined)
    throw new LrdistError('ERR_INVALID_OPTION', 'measures: held text is given, and masked_lm is not measured', {
      remedy: 'Add masked_lm to the measures, or leave the text out.',
    });
  const measures = measureNames.filter((name) => wanted.includes(name));
  return measures.length === 0 ? undefined : { measures, rows, text };
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
