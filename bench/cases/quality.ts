import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { type BenchCase, cli, data, hfTrainer } from '../lib/case.ts';
import { finished } from '../lib/finished.ts';
import { peersPython } from '../lib/python.ts';
import { number, shown, type Side } from '../lib/side.ts';
import { interval } from '../lib/statistics.ts';

/** GLUE's score of a task as run_glue prints it: the mean of accuracy and F1, Matthews correlation, the mean of both correlations. */
const scoreOf: Readonly<Record<string, string>> = {
  mrpc: 'eval_combined_score',
  cola: 'eval_matthews_correlation',
  stsb: 'eval_combined_score',
};

/** Scores are points: 100 times the metric. The lower bound of the mean difference may not lie below this. */
const margin = -1;

type Document = Readonly<Record<string, unknown>>;

interface Pair {
  readonly task: string;
  readonly seed: number;
  readonly trainer: number;
  readonly lrdist: number;
  readonly difference: number;
  readonly metrics: Readonly<Record<'trainer' | 'lrdist', Document>>;
  readonly seconds: Readonly<Record<'trainer' | 'lrdist', unknown>>;
}

/** Fine-tuned scores of lrdist and of Hugging Face Trainer under the same settings and seeds, paired by task and seed. */
export const quality: BenchCase = {
  name: 'quality',
  summary: 'dev scores of MiniLM on MRPC, CoLA and STS-B, 3 epochs, batch 32, against Hugging Face Trainer',
  defaults: { tasks: ['mrpc', 'cola', 'stsb'] },
  async run({ threads, seeds, tasks, work }, log) {
    const folder = data();
    const model = join(folder, 'models', 'minilm-l6-h384-uncased');
    const glue = join(folder, 'glue');
    const scratch = join(work, 'model');
    const python = peersPython(work);
    const ours = (task: string, seed: number): Side => ({
      name: 'lrdist',
      command: [
        process.execPath,
        cli,
        'train',
        '--model',
        model,
        '--task',
        task,
        '--data_dir',
        glue,
        '--seed',
        String(seed),
        '--learning_rate',
        '5e-5',
        '--num_train_epochs',
        '3',
        '--per_device_train_batch_size',
        '32',
        '--max_seq_length',
        '128',
        '--threads',
        String(threads),
        '--save_strategy',
        'no',
        '--do_eval',
        '--output_dir',
        scratch,
        '--overwrite_output_dir',
        '--json',
      ],
    });
    const theirs = (task: string, seed: number): Side => ({
      name: 'trainer',
      command: [
        python,
        hfTrainer,
        '--model',
        model,
        '--task',
        task,
        '--data_dir',
        glue,
        '--seed',
        String(seed),
        '--lr',
        '5e-5',
        '--epochs',
        '3',
        '--batch',
        '32',
        '--max_seq_length',
        '128',
        '--threads',
        String(threads),
        '--padding',
        'longest',
        '--linear',
        'onednn',
      ],
    });

    const pairs: Pair[] = [];
    for (const seed of seeds) {
      for (const task of tasks) {
        const peer = await finished(join(work, 'hf', `${task}-${seed}.json`), theirs(task, seed));
        const own = await finished(join(work, 'lrdist', `${task}-${seed}.json`), ours(task, seed));
        rmSync(scratch, { recursive: true, force: true });
        const key = scoreOf[task];
        if (key === undefined)
          throw new Error(`quality has no score for ${task}; it knows ${Object.keys(scoreOf).join(', ')}`);
        const pair = { task, seed, trainer: 100 * number(peer, key), lrdist: 100 * number(own, key) };
        log(`${task} seed ${seed}: trainer ${pair.trainer.toFixed(2)}, lrdist ${pair.lrdist.toFixed(2)}`);
        pairs.push({
          ...pair,
          difference: pair.lrdist - pair.trainer,
          metrics: { trainer: metrics(peer), lrdist: metrics(own) },
          seconds: { trainer: peer['train_runtime'], lrdist: own['train_runtime'] },
        });
      }
    }

    const pooled = interval(pairs.map(({ difference }) => difference));
    const byTask = Object.fromEntries(
      tasks.map((task) => {
        const of = pairs.filter((pair) => pair.task === task);
        const mean = (side: 'trainer' | 'lrdist') => of.reduce((sum, pair) => sum + pair[side], 0) / of.length;
        return [
          task,
          {
            score: scoreOf[task],
            trainer: mean('trainer'),
            lrdist: mean('lrdist'),
            difference: interval(of.map(({ difference }) => difference)),
          },
        ];
      }),
    );
    const folders = { MODEL: model, GLUE: glue, SCRATCH: scratch };
    const peer = await finished(join(work, 'hf', `${tasks[0]}-${seeds[0]}.json`), theirs(tasks[0]!, seeds[0]!));
    return {
      headline: `lrdist minus Trainer ${signed(pooled.mean)} points, 95 % interval ${signed(pooled.low)} to ${signed(pooled.high)} (${pooled.n} pairs; the lower bound must lie above ${margin})`,
      commands: {
        lrdist: shown(ours('TASK', 0), folders).replace('--seed 0', '--seed SEED'),
        trainer: shown(theirs('TASK', 0), folders).replace('--seed 0', '--seed SEED'),
      },
      seeds,
      versions: peer['versions'],
      settings: {
        tasks,
        model: 'minilm-l6-h384-uncased',
        epochs: 3,
        batch: 32,
        learningRate: 5e-5,
        schedule: 'linear',
        precision: 'fp32',
        threads,
      },
      passed: pooled.low > margin,
      pooled,
      byTask,
      pairs,
    };
  },
};

function metrics(document: Document): Document {
  return Object.fromEntries(
    Object.entries(document).filter(([key, value]) => key.startsWith('eval_') && typeof value === 'number'),
  );
}

function signed(value: number): string {
  return `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(2)}`;
}
