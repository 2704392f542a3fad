// Writes the generated parts of docs/ from the source: `node scripts/docs.ts`. test/unit/docs checks that they are up to date.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import yargs, { type Options } from 'yargs';
import { commonOptions } from '../lib/cli/options.ts';
import { commands } from '../lib/cli/registry.ts';
import { environment } from '../lib/env.ts';
import { errorCodes } from '../lib/errors.ts';
import { penaltyKinds } from '../lib/forgetting/penalties.ts';
import { rateTables } from './docs-rates.ts';

const root = join(import.meta.dirname, '..');

/** Files with generated parts, as they are and as they should be. */
export async function generated(): Promise<{ path: string; now: string; wanted: string }[]> {
  const parts: Readonly<Record<string, Readonly<Record<string, string>>>> = {
    'docs/errors.md': {
      codes: table(
        ['code', 'meaning'],
        Object.entries(errorCodes).map(([code, text]) => [`\`${code}\``, text]),
      ),
    },
    'docs/environment.md': { variables: environmentTable() },
    'README.md': { variables: environmentTable() },
    'docs/cli.md': await optionTables(),
    'docs/rates.md': rateTables(table),
    'docs/forgetting.md': { penalties: penaltyTable() },
  };
  return Object.entries(parts).map(([path, blocks]) => {
    const now = readFileSync(join(root, path), 'utf8');
    const wanted = Object.entries(blocks).reduce((text, [name, block]) => replace(text, name, block, path), now);
    return { path, now, wanted };
  });
}

function environmentTable(): string {
  return table(
    ['variable', 'meaning'],
    Object.entries(environment).map(([name, text]) => [`\`${name}\``, text]),
  );
}

function penaltyTable(): string {
  return table(
    ['name', 'what it does', 'numbers and defaults', 'acts from stage', 'batches', 'source'],
    penaltyKinds.map(({ name, description, numbers, from, session, source }) => [
      `\`${[name, numbers.map((number) => number.name.toUpperCase()).join(',')].filter((part) => part !== '').join('@')}\``,
      description,
      numbers.map((number) => `${number.name} ${number.value}: ${number.means}`).join('; '),
      name === 'none' ? '' : String(from),
      session === 'own' ? 'its own' : 'shared',
      source,
    ]),
  );
}

async function optionTables(): Promise<Record<string, string>> {
  const tables: Record<string, string> = { common: optionTable(commonOptions) };
  for (const { name, load } of commands) {
    const module = await load();
    const own: Record<string, Options> = {};
    const parser = yargs([]).help(false).version(false);
    const options = parser.options.bind(parser);
    // Every command hands its options to `options` in one or more objects.
    parser.options = ((definitions: Record<string, Options>) => {
      // yargs calls it again by itself, for one option at a time.
      if (typeof definitions === 'object') Object.assign(own, definitions);
      return options(definitions);
    }) as typeof parser.options;
    if (typeof module.builder === 'function') await module.builder(parser);
    tables[name] = optionTable(own);
  }
  return tables;
}

function optionTable(options: Readonly<Record<string, Options>>): string {
  const rows = Object.entries(options).flatMap(([name, option]) => {
    if (option.hidden === true) return [];
    const names = [name, ...[option.alias ?? []].flat()].map((each) => `\`--${each}\``).join(', ');
    const choices = option.choices === undefined ? '' : ` (${option.choices.join(', ')})`;
    return [[names, `${option.describe ?? ''}${choices}`, option.defaultDescription ?? '']];
  });
  return table(['option', 'meaning', 'default'], rows);
}

function table(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(heading), line(heading.map(() => '---')), ...rows.map(line)].join('\n');
}

function replace(text: string, name: string, block: string, path: string): string {
  const begin = `<!-- generated: ${name} -->`;
  const end = '<!-- end -->';
  const from = text.indexOf(begin);
  const to = text.indexOf(end, from);
  if (from === -1 || to === -1) throw new Error(`${path} has no part "${begin}" ... "${end}"`);
  return `${text.slice(0, from + begin.length)}\n${block}\n${text.slice(to)}`;
}

if (import.meta.main) {
  for (const { path, now, wanted } of await generated()) {
    if (now === wanted) continue;
    writeFileSync(join(root, path), wanted);
    process.stdout.write(`${path} written\n`);
  }
}
