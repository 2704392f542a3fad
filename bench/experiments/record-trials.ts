/**
 * Complete trials of rate distributions on pairs of tasks, scored after every epoch: real curves to compare samplers and pruners on.
 *
 *   node bench/experiments/record-trials.ts run --work FOLDER [options]    # a file of JSON lines for each pair; goes on where it stopped
 *   node bench/experiments/record-trials.ts pack --work FOLDER             # bench/results/curves/trials-MODEL.jsonl.gz of all of them
 *
 * A line: pair, seed, parameters, reports [{ step, values, p_s, p_o }] after each epoch, values, before. Points are uniform in the logarithms. It needs real data (LRDIST_DATA).
 */
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { loadPair } from '../../lib/pair-search/pair.ts';
import { pairObjective } from '../../lib/pair-search/pair-objective.ts';
import { pairSpec } from '../../lib/pair-search/spec.ts';
import { createRandom } from '../../lib/random.ts';
import { flat } from '../../lib/rates/distribution.ts';
import { toDocument } from '../../lib/rates/file.ts';
import { createSampler } from '../../lib/search/samplers/create.ts';
import type { Job, JobReport } from '../../lib/search/executor.ts';
import type { Json } from '../../lib/search/trial.ts';
import { data } from '../lib/case.ts';
import { machine, versions } from '../lib/machine.ts';
import { root } from '../lib/side.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    work: { type: 'string' },
    model: { type: 'string', default: 'bert-tiny-uncased-mlm' },
    pairs: { type: 'string', default: 'qnli:sst2,sst2:qqp,qqp:qnli,mnli:sst2' },
    trials: { type: 'string', default: '80' },
    rows: { type: 'string', default: '4000' },
    'selection-rows': { type: 'string', default: '1000' },
    epochs: { type: 'string', default: '4' },
    'first-rate': { type: 'string', default: '3e-4' },
    low: { type: 'string', default: '1e-6' },
    high: { type: 'string', default: '3e-3' },
    batch: { type: 'string', default: '8' },
    seed: { type: 'string', default: '1' },
  },
});

const [action] = positionals;
const { work } = values;
if (work === undefined || (action !== 'run' && action !== 'pack')) {
  console.error('expected: node bench/experiments/record-trials.ts run|pack --work FOLDER');
  process.exitCode = 2;
} else if (action === 'pack') pack(work);
else {
  mkdirSync(work, { recursive: true });
  for (const pair of values.pairs.split(','))
    await record(pair, join(work, `${values.model}-${pair.replace(':', '-')}.jsonl`));
}

interface Curve {
  readonly step: number;
  readonly values: readonly number[];
  readonly p_s: Json | undefined;
  readonly p_o: Json | undefined;
}

async function record(name: string, path: string): Promise<void> {
  const source = data();
  const [first, second] = name.split(':') as [string, string];
  const seed = Number(values.seed);
  const pair = await loadPair(
    pairSpec({
      model: join(source, 'models', values.model),
      dataDir: join(source, 'glue'),
      tasks: [first, second],
      maxTrainSamples: Number(values.rows),
      selectionRows: Number(values['selection-rows']),
      training: {
        epochs: Number(values.epochs),
        batchSize: 32,
        schedule: { lr_scheduler_type: 'linear', warmup_ratio: 0.1 },
        weightDecay: 0.01,
      },
      firstRates: toDocument(flat(Number(values['first-rate']))),
      space: { rates: [Number(values.low), Number(values.high)] },
      seed,
      session: { threads: 1, matmul: 'onednn' },
    }),
  );
  await using objective = pairObjective(pair);
  const maxStep = Number(values.epochs);
  const epochs = Array.from({ length: maxStep }, (_, i) => i + 1);
  const points = createSampler('random').suggest({
    space: pair.space.space,
    directions: ['maximize'],
    trials: [],
    count: Number(values.trials),
    random: createRandom(seed, 0x7265_6364),
  });
  let done = linesOf(path);
  while (done < points.length) {
    const began = Date.now();
    const jobs = points
      .slice(done, done + Number(values.batch))
      .map((parameters, i): Job => ({ trial: done + i, attempt: 1, parameters }));
    const reports = new Map<number, Curve[]>();
    const keep = (step: number, list: readonly JobReport[]): void => {
      for (const { job, values: scores, attributes } of list)
        reports.set(job.trial, [
          ...(reports.get(job.trial) ?? []),
          { step, values: scores, p_s: attributes!['p_s'], p_o: attributes!['p_o'] },
        ]);
    };
    const results = await objective.run(jobs, {
      signal: new AbortController().signal,
      rungs: epochs.slice(0, -1),
      maxStep,
      progress: () => undefined,
      report: async (step, list) => {
        keep(step, list);
        return list.map(({ job }) => job);
      },
    });
    const lines = results.map((result): object => {
      const { job } = result;
      const common = { pair: name, seed, parameters: job.parameters };
      if (result.state !== 'complete') return { ...common, state: result.state };
      keep(maxStep, [{ job, values: result.values, attributes: result.attributes! }]);
      return {
        ...common,
        reports: reports.get(job.trial),
        values: result.values,
        before: result.attributes!['before'],
      };
    });
    appendFileSync(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    done += jobs.length;
    console.error(
      `${name}: ${done} of ${points.length}, ${((Date.now() - began) / 1000 / jobs.length).toFixed(1)} s a trial`,
    );
  }
}

/** Whole lines of the file; a torn last one, left by a kill, is cut off. */
function linesOf(path: string): number {
  if (!existsSync(path)) return 0;
  const text = readFileSync(path, 'utf8');
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  if (whole.length < text.length) truncateSync(path, Buffer.byteLength(whole));
  return whole.split('\n').length - 1;
}

function pack(folder: string): void {
  const files = readdirSync(folder).filter((file) => file.endsWith('.jsonl'));
  const text = files.map((file) => readFileSync(join(folder, file), 'utf8')).join('');
  const target = join(root, 'bench', 'results', 'curves');
  mkdirSync(target, { recursive: true });
  const name = `trials-${values.model}`;
  writeFileSync(join(target, `${name}.jsonl.gz`), gzipSync(text, { level: 9 }));
  const about = {
    trials: text.split('\n').length - 1,
    settings: { ...values, work: undefined },
    machine: machine(),
    versions: versions(),
    command: `node bench/experiments/record-trials.ts run --work FOLDER --model ${values.model} --pairs ${values.pairs} --trials ${values.trials}`,
  };
  writeFileSync(join(target, `${name}.json`), `${JSON.stringify(about, null, 2)}\n`);
  console.log(`${about.trials} trials`);
}
