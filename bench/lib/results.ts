import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { goals } from './goals.ts';
import { type Card, machine, type Machine, versions } from './machine.ts';
import { root } from './side.ts';
import { between, goalTable, nameOf } from './table.ts';

const folder = join(root, 'bench', 'results');
const performanceDocument = join(root, 'docs', 'performance.md');
const markers = ['<!-- generated: goals -->', '<!-- end -->'] as const;

/** What every case returns. `headline` is its line in the table. */
export interface Measurement {
  readonly headline: string;
  /** Which of a case's measurements this is, where it has several; part of the file's name. */
  readonly variant?: string;
  /** The commands of all sides, as a reader can repeat them. */
  readonly commands: Readonly<Record<string, string>>;
  readonly seeds: readonly number[];
  readonly [detail: string]: unknown;
}

export interface Result extends Measurement {
  readonly case: string;
  readonly date: string;
  readonly machine: Machine;
  readonly versions: Readonly<Record<string, string>>;
}

/** Writes bench/results/CASE-VARIANT-MACHINE-DATE.json and the table. Returns the file's path. */
export function saveResult(name: string, measurement: Measurement, card?: Card): string {
  const date = new Date().toISOString().slice(0, 10);
  const result: Result = {
    ...measurement,
    case: name,
    date,
    machine: machine(card),
    versions: { ...versions(), ...(measurement.versions as Record<string, string> | undefined) },
  };
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${[name, measurement.variant ?? [], result.machine.name, date].flat().join('-')}.json`);
  writeWhole(path, `${JSON.stringify(result, null, 2)}\n`);
  writeTable();
  return path;
}

/** bench/results/README.md, one line for each result file, and the table of goals in docs/performance.md. */
export function writeTable(): void {
  const results = readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .sort()
    .map((file) => ({ file, result: JSON.parse(readFileSync(join(folder, file), 'utf8')) as Result }));
  const lines = results.map(
    ({ file, result }) =>
      `| [${nameOf(result)}](${file}) | ${result.headline} | ${machineText(result.machine)} | ${result.date} |`,
  );
  const text = [
    '# Results',
    '',
    'Made by `npm run bench`; each file names machine, versions, seeds and commands.',
    '',
    '| case | result | machine | date |',
    '| --- | --- | --- | --- |',
    ...lines,
    '',
  ];
  writeWhole(join(folder, 'README.md'), text.join('\n'));
  const document = readFileSync(performanceDocument, 'utf8');
  writeWhole(
    performanceDocument,
    between(document, ...markers, `\n${goalTable(goals, results, '../bench/results/')}\n`),
  );
}

function machineText({ processor, cores, card }: Machine): string {
  return card ?? `${processor}, ${cores} cores`;
}

function writeWhole(path: string, text: string): void {
  writeFileSync(`${path}.tmp`, text);
  renameSync(`${path}.tmp`, path);
}
