/**
 * `npm run bench -- CASE [options]`: measures, prints the headline, writes bench/results. A case is one file in bench/cases;
 * add it to `cases` below. The peers are Python programs in bench/peers, installed by `npm run bench -- peers`.
 */
import { endToEnd } from './cases/end-to-end.ts';
import { evaluation } from './cases/evaluation.ts';
import { eventLoop } from './cases/event-loop.ts';
import { frozen } from './cases/frozen.ts';
import { gpuEpoch } from './cases/gpu-epoch.ts';
import { gpuStep } from './cases/gpu-step.ts';
import { gpuSyncs } from './cases/gpu-syncs.ts';
import { measures } from './cases/measures.ts';
import { memory } from './cases/memory.ts';
import { penalties } from './cases/penalties.ts';
import { quality } from './cases/quality.ts';
import { replicas } from './cases/replicas.ts';
import { roofline } from './cases/roofline.ts';
import { scaling } from './cases/scaling.ts';
import { search } from './cases/search.ts';
import { startUp } from './cases/start-up.ts';
import { step } from './cases/step.ts';
import { cardOf } from './lib/card.ts';
import type { BenchCase } from './lib/case.ts';
import { compareResults, formatComparison, readResult } from './lib/compare.ts';
import { type CommandLine, optionNames, parseCommandLine } from './lib/options.ts';
import { installPeers } from './lib/python.ts';
import { type Measurement, saveResult, writeTable } from './lib/results.ts';

const cases: readonly BenchCase[] = [
  step,
  roofline,
  evaluation,
  startUp,
  memory,
  eventLoop,
  scaling,
  replicas,
  frozen,
  endToEnd,
  search,
  quality,
  penalties,
  measures,
  gpuStep,
  gpuEpoch,
  gpuSyncs,
];

const commands: Readonly<Record<string, (line: CommandLine) => void>> = {
  peers: (line) => installPeers(line.for({}).work, log),
  table: () => writeTable(),
  compare: ({ words: [, before, after] }) => {
    if (before === undefined || after === undefined) throw new Error('compare: give two result files');
    console.log(formatComparison(compareResults(readResult(before), readResult(after))));
  },
};

const line = parseCommandLine(process.argv.slice(2));
const [first] = line.words;
const chosen = cases.filter(({ name }) => line.words.includes(name));
if (first !== undefined && first in commands) commands[first]!(line);
else if (chosen.length > 0 && chosen.length === line.words.length) for (const one of chosen) await measure(one);
else {
  const list = cases.map(({ name, summary }) => `  ${name.padEnd(12)}${summary}`);
  console.error(`Cases:\n${list.join('\n')}\nCommands: ${Object.keys(commands).join(', ')}`);
  console.error(`Options: ${optionNames.map((name) => `--${name}`).join(' ')}`);
  process.exitCode = 2;
}

async function measure(one: BenchCase): Promise<void> {
  const options = line.for(one);
  const made = one.run(options, log);
  for await (const measurement of Symbol.asyncIterator in made ? made : [made])
    report(one.name, options.device, measurement);
}

function report(name: string, device: string, measurement: Measurement): void {
  console.log(`${[name, measurement.variant ?? []].flat().join(' ')}: ${measurement.headline}`);
  if (line.dryRun) console.log(JSON.stringify(measurement, null, 2));
  else console.log(`written: ${saveResult(name, measurement, cardOf(device))}`);
}

function log(text: string): void {
  console.error(text);
}
