import { join } from 'node:path';
import {
  encodeText,
  flat,
  loadTask,
  maskingOf,
  openModel,
  openTaskTokenizer,
  planMeasures,
  readParagraphs,
} from '../../lib/index.ts';
import { measureAfter, measureBefore, type Model, type Task } from '../../lib/index.ts';
import { type BenchCase, data } from '../lib/case.ts';
import { spread } from '../lib/statistics.ts';

const rows = 2000;
const names = ['sst2', 'qnli'] as const;
const training = { batchSize: 16, schedule: { warmup_ratio: 0.1 }, loggingSteps: 0 } as const;

/** Epochs of each stage, distributions in the second, and whether the masked-LM loss is measured. */
const variants = {
  '3 epochs': { epochs: 3, replicas: 1, text: false },
  '1 epoch': { epochs: 1, replicas: 1, text: false },
  '1 epoch, 8 distributions': { epochs: 1, replicas: 8, text: false },
  '3 epochs, with masked_lm': { epochs: 3, replicas: 1, text: true },
} as const;

/** CPU time of this process so far, in seconds. */
function clock(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

async function shift(
  model: Model,
  tasks: readonly [Task, Task],
  { epochs, replicas }: (typeof variants)[keyof typeof variants],
  plan: ReturnType<typeof planMeasures>,
  seed: number,
): Promise<{ run: number; measures: number }> {
  let measures = 0;
  const began = clock();
  const spend = async <T>(work: () => Promise<T>): Promise<T> => {
    const before = clock();
    const result = await work();
    measures += clock() - before;
    return result;
  };
  await model.train({ ...training, epochs, task: tasks[0], rates: flat(3e-4) }).result;
  await model.evaluate(tasks[0]);
  const started = await spend(() => measureBefore(model, { plan: plan!, tasks, seed }));
  await model.setReplicas(new Array<number>(replicas).fill(0));
  const rates = Array.from({ length: replicas }, (_, k) => flat(3e-4 / 2 ** k));
  await model.train({ ...training, epochs, task: tasks[1], rates }).result;
  for (const task of tasks) await model.evaluate(task);
  await spend(() => measureAfter(started));
  return { run: clock() - began - measures, measures };
}

/** What the measures of docs/measures.md add to a task shift with their default rows: CPU time of one thread. */
export const measures: BenchCase = {
  name: 'measures',
  summary: `what drift, conflict, similarity and probe add to a shift of bert-tiny, ${rows} rows a task, one thread`,
  async run({ rounds, seeds }, log) {
    const seed = seeds[0]!;
    const path = join(data(), 'models', 'bert-tiny-uncased-mlm');
    const load = (task: string): Promise<Task> =>
      loadTask({ task, dataDir: join(data(), 'glue'), model: path, maxTrainSamples: rows, maxEvalSamples: 1000 });
    const tasks = [await load(names[0]), await load(names[1])] as const;
    const tokenizer = await openTaskTokenizer(path);
    const paragraphs = await readParagraphs(join(data(), 'wikitext-2', 'test.txt'));
    const text = { rows: await encodeText(paragraphs, tokenizer, { maxRows: 500 }), masking: maskingOf(tokenizer) };
    const found: Record<string, { run: number; measures: number }[]> = {};
    for (let round = 0; round < rounds; round++) {
      for (const [name, variant] of Object.entries(variants)) {
        await using model = await openModel({
          path,
          tasks,
          heads: variant.text ? [{ name: 'mlm', kind: 'masked-lm' }] : [],
          threads: 1,
          seed,
        });
        const plan = planMeasures(variant.text ? { text } : true, 2 * rows * variant.epochs);
        const times = await shift(model, tasks, variant, plan, seed);
        (found[name] ??= []).push(times);
        log(
          `${name}, round ${round + 1} of ${rounds}: ${times.measures.toFixed(2)} s beside ${times.run.toFixed(2)} s`,
        );
      }
    }
    const added = Object.entries(found).map(([name, times]) => {
      const shares = times.map(({ run, measures: spent }) => (100 * spent) / run);
      return [name, Number(spread(shares).median.toFixed(1))] as const;
    });
    return {
      headline: `measures add to a shift: ${added.map(([name, percent]) => `${name}: ${percent} %`).join('; ')}`,
      commands: { all: `npm run bench -- measures --rounds ${rounds} --seeds ${seed}` },
      seeds: [seed],
      settings: { model: 'bert-tiny', tasks: names, trainRows: rows, evaluationRows: 1000, threads: 1, variants },
      addedPercent: Object.fromEntries(added),
      cpuSeconds: found,
    };
  },
};
