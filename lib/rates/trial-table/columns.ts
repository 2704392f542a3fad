import { LrdistError, nearest } from '../../errors.ts';
import { contextNames, scoreNames } from './table.ts';
import { broken } from './records.ts';

/** Another name for one of our columns. A `*` on both sides stands for the same text. */
export interface ColumnName {
  readonly ours: string;
  readonly theirs: string;
}

const plainNames: readonly string[] = ['pair', 'seed', 'state', ...scoreNames, ...contextNames];

/**
 * Parses `before=acc1,p_s=acc2,lr_*=rate_*`: our name, then theirs.
 *
 * @throws LrdistError ERR_INVALID_OPTION
 */
export function parseColumns(text: string): ColumnName[] {
  return text.split(',').map((entry) => {
    const [ours, theirs, ...more] = entry.split('=').map((side) => side.trim());
    if (!ours || !theirs || more.length > 0) throw refused(`expected OURS=THEIRS, received "${entry}"`);
    if (!plainNames.includes(ours) && !ours.startsWith('lr_')) {
      const near = nearest(ours, plainNames);
      throw refused(
        `a trial table has no column "${ours}"; there are lr_GROUP, ${plainNames.join(', ')}`,
        near === undefined ? undefined : `Did you mean ${near}=${theirs}?`,
      );
    }
    const stars = [ours, theirs].map((side) => side.split('*').length - 1);
    if (stars[0] !== stars[1] || stars[0]! > 1)
      throw refused(`expected one "*" on both sides or none, received "${entry}"`);
    return { ours, theirs };
  });
}

/**
 * Our name of each of a file's columns, the same where no mapping speaks of it. A column whose name was given to another one means nothing: undefined.
 *
 * @throws LrdistError ERR_TRIAL_TABLE if a mapped column is in the file under neither name, or two columns are given the same name
 */
export function renameColumns(
  columns: readonly string[],
  mapping: readonly ColumnName[],
  source: string,
): (string | undefined)[] {
  for (const { ours, theirs } of mapping) {
    // A file that has our own name may stand beside one with theirs.
    if (columns.some((column) => starOf(theirs, column) !== undefined || starOf(ours, column) !== undefined)) continue;
    throw broken(
      source,
      `there is no column "${theirs}" to read as ${ours}; its columns are ${columns.join(', ')}`,
      'Each entry of --columns is OURS=THEIRS.',
    );
  }
  const mapped = columns.map((column) => mappedName(column, mapping));
  const twice = mapped.find((name, i) => name !== undefined && mapped.indexOf(name) !== i);
  if (twice !== undefined) {
    const both = columns.filter((_, i) => mapped[i] === twice).map((name) => `"${name}"`);
    throw broken(source, `the columns ${both.join(' and ')} would both be ${twice}`, 'Map one of them only.');
  }
  return columns.map((column, i) => mapped[i] ?? (mapped.includes(column) ? undefined : column));
}

function mappedName(column: string, mapping: readonly ColumnName[]): string | undefined {
  for (const { ours, theirs } of mapping) {
    const star = starOf(theirs, column);
    if (star !== undefined) return ours.replace('*', () => star);
  }
  return undefined;
}

/** What the `*` of a pattern stands for in a name; an empty text where there is no `*`, undefined where the name does not match. */
function starOf(pattern: string, name: string): string | undefined {
  const [head, tail] = pattern.split('*');
  if (tail === undefined) return name === pattern ? '' : undefined;
  const fits = name.length > head!.length + tail.length && name.startsWith(head!) && name.endsWith(tail);
  return fits ? name.slice(head!.length, name.length - tail.length) : undefined;
}

function refused(problem: string, remedy = 'For example --columns before=acc1,p_s=acc2,p_o=acc3.'): LrdistError {
  return new LrdistError('ERR_INVALID_OPTION', `columns: ${problem}`, { remedy });
}
