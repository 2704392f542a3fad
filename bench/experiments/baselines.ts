/**
 * All baselines and penalties with several flat rates, on pairs of tasks, in keep mode: one first stage for each pair and seed, shared by all.
 *
 *   node bench/experiments/baselines.ts run --work FOLDER [options]      # one JSON file for each pair and seed; finished ones are passed over
 *   node bench/experiments/baselines.ts table --work FOLDER [--dry-run]  # bench/results/baselines-*.json and .md from all files in the folder
 *
 * It needs real data (LRDIST_DATA). Stop it at any time; it goes on with the next pair that has no file.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { encodeText, maskingOf, readParagraphs } from '../../lib/forgetting/measure/index.ts';
import { parsePenalties } from '../../lib/forgetting/penalties.ts';
import { taskSequence } from '../../lib/forgetting/sequence.ts';
import { flat } from '../../lib/rates/distribution.ts';
import type { SequenceRecord } from '../../lib/report/sequence-record.ts';
import { loadTask, openTaskTokenizer } from '../../lib/train/load-task.ts';
import { data } from '../lib/case.ts';
import { versions } from '../lib/machine.ts';
import { saveResult } from '../lib/results.ts';
import { baselineTable, compareBaselines } from './baselines-table.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    work: { type: 'string' },
    model: { type: 'string', default: 'bert-tiny-uncased-mlm' },
    pairs: { type: 'string', default: 'qnli:sst2,sst2:qqp,qqp:qnli,mnli:sst2' },
    seeds: { type: 'string', default: '1,2,3' },
    /** The first is the reference, and the one of the first stage unless --first-rate. */
    rates: { type: 'string', default: '3e-4,1e-4,1e-3' },
    'first-rate': { type: 'string' },
    penalties: {
      type: 'string',
      default:
        'none,l2-sp@0.01,l2-sp@1,ewc@1e3,ewc@1e5,ewc-pretrained@1000,recadam@5000,0.1,0.25,mixout@0.7,child-f@0.3,child-d@0.3,frozen,replay@0.01,replay@0.1,lwf@1,2,joint',
    },
    rows: { type: 'string', default: '4000' },
    'eval-rows': { type: 'string', default: '2000' },
    epochs: { type: 'string', default: '3' },
    batch: { type: 'string', default: '32' },
    'fisher-rows': { type: 'string', default: '500' },
    threads: { type: 'string', default: String(availableParallelism()) },
    'dry-run': { type: 'boolean', default: false },
  },
});

const work = values.work;
const [action] = positionals;
if (work === undefined || (action !== 'run' && action !== 'table')) {
  console.error('expected: node bench/experiments/baselines.ts run|table --work FOLDER');
  process.exitCode = 2;
} else if (action === 'run') await runAll(work);
else writeTables(work);

async function runAll(folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  for (const seed of values.seeds.split(',').map(Number)) {
    // Seeds outermost: every pair has one seed before any has two.
    for (const pair of values.pairs.split(',')) {
      const path = join(folder, `${values.model}-${pair.replace(':', '-')}-${seed}.json`);
      if (existsSync(path)) continue;
      const began = Date.now();
      const record = await runPair(pair, seed);
      writeFileSync(`${path}.tmp`, JSON.stringify(record));
      renameSync(`${path}.tmp`, path);
      console.error(`${pair} seed ${seed}: ${((Date.now() - began) / 60_000).toFixed(1)} min`);
    }
  }
}

async function runPair(pair: string, seed: number): Promise<SequenceRecord> {
  const source = data();
  const model = join(source, 'models', values.model);
  const load = (task: string): ReturnType<typeof loadTask> =>
    loadTask({
      task,
      dataDir: join(source, 'glue'),
      model,
      maxTrainSamples: Number(values.rows),
      maxEvalSamples: Number(values['eval-rows']),
    });
  const names = pair.split(':');
  const tasks = [await load(names[0]!), await load(names[1]!)];
  const penalties = parsePenalties(values.penalties);
  const rates = values.rates.split(',').map(Number);
  const language = penalties.some(({ stages }) => stages.some(({ kind }) => kind.name === 'ewc-pretrained'));
  await using sequence = taskSequence({
    model,
    tasks,
    distributions: rates.map((rate) => flat(rate)),
    penalties,
    firstRates: flat(Number(values['first-rate'] ?? rates[0])),
    seeds: [seed],
    training: {
      epochs: Number(values.epochs),
      batchSize: Number(values.batch),
      schedule: { lr_scheduler_type: 'linear', warmup_ratio: 0.1 },
      weightDecay: 0.01,
    },
    fisher: { rows: Number(values['fisher-rows']) },
    reference: true,
    ...(language ? { pretraining: await textOf(model, join(source, 'wikitext-2', 'valid.txt')) } : {}),
    session: { threads: Number(values.threads) },
  });
  let said = -1;
  for await (const event of sequence) {
    if (event.type !== 'step') continue;
    const percent = Math.floor((100 * event.progress.done) / event.progress.total);
    if (percent < said + 5) continue;
    said = percent;
    console.error(`${pair} seed ${seed}: ${percent} %`);
  }
  const record = await sequence.result;
  // Paths of this machine say nothing to others.
  return { ...record, model: values.model, versions: { ...record.versions, ...versions() } };
}

async function textOf(model: string, path: string) {
  const tokenizer = await openTaskTokenizer(model);
  // The small models' own heads are no language models: bert-tiny's was trained for retrieval, MiniLM has none.
  return {
    dataset: await encodeText(await readParagraphs(path), tokenizer),
    masking: maskingOf(tokenizer),
    retrainHead: true,
  };
}

function writeTables(folder: string): void {
  const records = readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .sort()
    .map((file) => JSON.parse(readFileSync(join(folder, file), 'utf8')) as SequenceRecord);
  const result = compareBaselines(records);
  const markdown = baselineTable(result);
  console.log(markdown);
  if (values['dry-run']) return;
  const path = saveResult(`baselines-${result.model}`, {
    ...result,
    versions: { commit: [...new Set(records.map(({ versions }) => String(versions['commit'])))].join(', ') },
    commands: {
      lrdist: `node bench/experiments/baselines.ts run --work FOLDER --model ${result.model} --pairs ${result.pairs.map(({ tasks }) => tasks.join(':')).join(',')} --seeds ${result.seeds.join(',')}`,
    },
  });
  writeFileSync(path.replace(/\.json$/, '.md'), markdown);
}
