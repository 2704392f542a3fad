/**
 * `npm run bench -- CASE [options]`: measures, prints the headline, writes bench/results. A case is one file in bench/cases;
 * add it to `cases` below. The peers are Python programs in bench/peers: pip install -r bench/peers/requirements.txt
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { availableParallelism, tmpdir } from 'node:os';
import { measures } from './cases/measures.ts';
import { penalties } from './cases/penalties.ts';
import { quality } from './cases/quality.ts';
import { search } from './cases/search.ts';
import { step } from './cases/step.ts';
import { type BenchOptions } from './lib/case.ts';
import { saveResult, writeTable } from './lib/results.ts';

const cases = [step, quality, penalties, measures, search];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '5' },
    steps: { type: 'string', default: '30' },
    threads: { type: 'string', default: String(availableParallelism()) },
    seeds: { type: 'string', default: '1,2,3,4,5' },
    tasks: { type: 'string', default: 'mrpc,cola,stsb' },
    work: { type: 'string', default: join(tmpdir(), 'lrdist-bench') },
    'dry-run': { type: 'boolean', default: false },
  },
});

const options: BenchOptions = {
  rounds: whole('rounds'),
  steps: whole('steps'),
  threads: whole('threads'),
  seeds: values.seeds.split(',').map(Number),
  tasks: values.tasks.split(','),
  work: values.work,
};

const chosen = cases.filter(({ name }) => positionals.includes(name));
if (chosen.length === 0 || chosen.length < positionals.length) {
  if (positionals[0] === 'table') writeTable();
  else {
    console.error(
      `Cases:\n${cases.map(({ name, summary }) => `  ${name.padEnd(10)}${summary}`).join('\n')}\nOptions: ${Object.keys(
        values,
      )
        .map((name) => `--${name}`)
        .join(' ')}\n"table" makes bench/results/README.md anew.`,
    );
    process.exitCode = 2;
  }
}
for (const one of chosen.length < positionals.length ? [] : chosen) {
  const { name } = one;
  const measurement = await one.run(options, (line) => console.error(line));
  console.log(`${name}: ${measurement.headline}`);
  if (!values['dry-run']) console.log(`written: ${saveResult(name, measurement)}`);
}

function whole(name: 'rounds' | 'steps' | 'threads'): number {
  const value = Number(values[name]);
  if (!Number.isInteger(value) || value < 1)
    throw new Error(`--${name}: expected a whole number above 0, received ${values[name]}`);
  return value;
}
