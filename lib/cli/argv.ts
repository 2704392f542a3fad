import { LrdistError, nearest } from '../errors.ts';

type Kind = 'boolean' | 'number' | 'string' | 'array';

/** The options of one command, as far as reading the command line needs them. */
export interface OptionTable {
  /** Option of each name: its own, its aliases, with underscores. */
  readonly nameOf: ReadonlyMap<string, string>;
  readonly kindOf: ReadonlyMap<string, Kind>;
  readonly choicesOf: ReadonlyMap<string, readonly string[]>;
}

/** What was given: values by option, in the order of first use, and the arguments without a name. */
export interface Given {
  readonly values: Map<string, string[]>;
  readonly positionals: string[];
}

/** What yargs knows of its options (`getOptions()`). */
export interface YargsOptions {
  readonly key: Readonly<Record<string, unknown>>;
  readonly alias: Readonly<Record<string, readonly string[]>>;
  readonly boolean: readonly string[];
  readonly number: readonly string[];
  readonly array: readonly string[];
  readonly choices: Readonly<Record<string, readonly (string | number | boolean | undefined)[]>>;
}

export function optionTable(options: YargsOptions): OptionTable {
  const nameOf = new Map<string, string>();
  const kindOf = new Map<string, Kind>();
  const choicesOf = new Map<string, readonly string[]>();
  // yargs lists aliases among the keys.
  const aliases = new Set(Object.values(options.alias).flat());
  for (const name of Object.keys(options.key)) {
    if (aliases.has(name)) continue;
    const names = [name, ...(options.alias[name] ?? [])];
    for (const each of names) nameOf.set(underscored(each), name);
    const listed = (list: readonly string[]): boolean => names.some((each) => list.includes(each));
    kindOf.set(
      name,
      listed(options.array)
        ? 'array'
        : listed(options.boolean)
          ? 'boolean'
          : listed(options.number)
            ? 'number'
            : 'string',
    );
    const choices = options.choices[name];
    if (choices !== undefined) choicesOf.set(name, choices.map(String));
  }
  return { nameOf, kindOf, choicesOf };
}

/**
 * Reads a command line: `--max_seq_length` and `--max-seq-length`, `--key value` and `--key=value`, `--flag`, `--flag true|false`,
 * `--no-flag`. The last of two values wins; lists add up.
 *
 * @throws LrdistError ERR_UNKNOWN_OPTION (with the nearest name), ERR_INVALID_OPTION
 */
export function readTokens(argv: readonly string[], table: OptionTable): Given {
  const given: Given = { values: new Map(), positionals: [] };
  const rest = [...argv];
  for (let token = rest.shift(); token !== undefined; token = rest.shift()) {
    if (token === '--') {
      given.positionals.push(...rest.splice(0));
    } else if (!isOption(token)) {
      given.positionals.push(token);
    } else {
      const equals = token.indexOf('=');
      const written = equals === -1 ? token : token.slice(0, equals);
      const { name, negated } = lookUp(written, table);
      if (equals !== -1) rest.unshift(token.slice(equals + 1));
      const values = valuesOf(name, written, rest, { table, negated, attached: equals !== -1 });
      const before = table.kindOf.get(name) === 'array' ? (given.values.get(name) ?? []) : [];
      given.values.set(name, [...before, ...values]);
    }
  }
  return given;
}

/** The command line that yargs gets: the positionals, then one `--name=value` for each value. */
export function toArgv({ values, positionals }: Given): string[] {
  return [...positionals, ...[...values].flatMap(([name, list]) => list.map((value) => `--${name}=${value}`))];
}

/** Checks one value and brings it into yargs's form. `written` is the option as the user wrote it, for messages. */
export function checkValue(name: string, value: string, written: string, table: OptionTable): string {
  const kind = table.kindOf.get(name);
  const refuse = (expected: string): LrdistError =>
    new LrdistError('ERR_INVALID_OPTION', `${written}: expected ${expected}, received "${value}"`);
  if (kind === 'number' && !isNumber(value)) throw refuse('a number');
  if (kind === 'boolean') {
    const flag = value.toLowerCase();
    if (flag !== 'true' && flag !== 'false') throw refuse('true or false');
    return flag;
  }
  const choices = table.choicesOf.get(name);
  if (choices !== undefined && !choices.includes(value)) {
    const near = nearest(value, choices);
    throw new LrdistError(
      'ERR_INVALID_OPTION',
      `${written}: expected one of ${choices.join(', ')}, received "${value}"`,
      near === undefined ? {} : { remedy: `Did you mean ${near}?` },
    );
  }
  return value;
}

/** The option of a name in either spelling, else undefined. */
export function findOption(name: string, table: OptionTable): string | undefined {
  return table.nameOf.get(underscored(name));
}

export function unknownOption(written: string, where: string, table: OptionTable): LrdistError {
  const dashes = /^-*/.exec(written)![0];
  const near = nearest(underscored(written.slice(dashes.length)), [...table.nameOf.keys()]);
  return new LrdistError(
    'ERR_UNKNOWN_OPTION',
    `unknown option ${written}${where}`,
    near === undefined ? {} : { remedy: `Did you mean ${dashes}${near}?` },
  );
}

function valuesOf(
  name: string,
  written: string,
  rest: string[],
  { table, negated, attached }: { table: OptionTable; negated: boolean; attached: boolean },
): string[] {
  const kind = table.kindOf.get(name);
  if (kind === 'boolean') {
    if (negated && attached) throw new LrdistError('ERR_INVALID_OPTION', `${written} takes no value`);
    if (!attached && (negated || !/^(true|false)$/i.test(rest[0] ?? ''))) return [String(!negated)];
    return [checkValue(name, rest.shift()!, written, table)];
  }
  if (!attached && (rest[0] === undefined || isOption(rest[0])))
    throw new LrdistError('ERR_INVALID_OPTION', `${written} needs a value`);
  const values = [rest.shift()!];
  while (kind === 'array' && !attached && rest[0] !== undefined && !isOption(rest[0])) values.push(rest.shift()!);
  return values.map((value) => checkValue(name, value, written, table));
}

function lookUp(written: string, table: OptionTable): { name: string; negated: boolean } {
  const bare = written.replace(/^--?/, '');
  const name = findOption(bare, table);
  if (name !== undefined) return { name, negated: false };
  const positive = /^no[-_](.+)$/.exec(bare)?.[1];
  const flag = positive === undefined ? undefined : findOption(positive, table);
  if (flag !== undefined && table.kindOf.get(flag) === 'boolean') return { name: flag, negated: true };
  throw unknownOption(written, '', table);
}

/** Whether a token names an option: `--x`, `-x`, but not `-`, `--` or a negative number. */
function isOption(token: string): boolean {
  return /^--?[^-]/.test(token) && !isNumber(token);
}

function isNumber(text: string): boolean {
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) && Number.isFinite(Number(text));
}

function underscored(name: string): string {
  return name.replaceAll('-', '_');
}
