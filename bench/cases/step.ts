import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BenchCase, cli, data, hfTrainer, python } from '../lib/case.ts';
import { number, runSide, shown, type Side } from '../lib/side.ts';
import { spread } from '../lib/statistics.ts';

const batch = 32;

/** Training speed on the same rows with the same settings: lrdist, Trainer as run_glue has it (padded to 128), Trainer with dynamic padding. */
export const step: BenchCase = {
  name: 'step',
  summary: 'training steps of MiniLM on MRPC, batch 32, fp32, against Hugging Face Trainer',
  async run({ rounds, steps, threads, seeds }, log) {
    const folder = data();
    const model = join(folder, 'models', 'minilm-l6-h384-uncased');
    const glue = join(folder, 'glue');
    const scratch = mkdtempSync(join(tmpdir(), 'lrdist-bench-'));
    const sides = (seed: number): Side[] => {
      const peer = (padding: string): Side => ({
        name: padding === 'max_length' ? 'trainer padded to 128' : 'trainer dynamic padding',
        command: [
          python,
          hfTrainer,
          '--model',
          model,
          '--task',
          'mrpc',
          '--data_dir',
          glue,
          '--seed',
          String(seed),
          '--batch',
          String(batch),
          '--max_steps',
          String(steps),
          '--threads',
          String(threads),
          '--padding',
          padding,
          '--no_eval',
        ],
      });
      const ours: Side = {
        name: 'lrdist',
        command: [
          process.execPath,
          cli,
          'train',
          '--model',
          model,
          '--task',
          'mrpc',
          '--data_dir',
          glue,
          '--seed',
          String(seed),
          '--learning_rate',
          '5e-5',
          '--per_device_train_batch_size',
          String(batch),
          '--max_steps',
          String(steps),
          '--threads',
          String(threads),
          '--save_strategy',
          'no',
          '--no-do_eval',
          '--output_dir',
          join(scratch, 'model'),
          '--overwrite_output_dir',
          '--json',
        ],
      };
      return [ours, peer('max_length'), peer('longest')];
    };

    const seconds = new Map<string, number[]>();
    const used: number[] = [];
    try {
      for (let round = 0; round < rounds; round++) {
        const seed = seeds[round % seeds.length]!;
        used.push(seed);
        const order = sides(seed);
        // Interleaved, and begun by another side each round: drift of the machine meets all of them.
        for (const side of [...order.slice(round % order.length), ...order.slice(0, round % order.length)]) {
          const runtime = number(await runSide(side), 'train_runtime');
          seconds.set(side.name, [...(seconds.get(side.name) ?? []), runtime]);
          log(`round ${round + 1} of ${rounds}: ${side.name} ${((steps * batch) / runtime).toFixed(1)} rows/s`);
        }
      }
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }

    const ours = seconds.get('lrdist')!;
    const peers = [...seconds].filter(([name]) => name !== 'lrdist');
    const ratios = Object.fromEntries(
      peers.map(([name, theirs]) => [name, spread(theirs.map((value, round) => value / ours[round]!))]),
    );
    const rowsPerSecond = Object.fromEntries(
      [...seconds].map(([name, values]) => [name, spread(values.map((value) => (steps * batch) / value))]),
    );
    const folders = { MODEL: model, GLUE: glue, SCRATCH: scratch };
    return {
      headline: Object.entries(ratios)
        .map(
          ([name, { median, least, most }]) =>
            `${median.toFixed(2)}x ${name} (${least.toFixed(2)} to ${most.toFixed(2)})`,
        )
        .join('; '),
      commands: Object.fromEntries(sides(used[0]!).map((side) => [side.name, shown(side, folders)])),
      seeds: used,
      settings: { task: 'mrpc', model: 'minilm-l6-h384-uncased', batch, steps, threads, precision: 'fp32', rounds },
      rowsPerSecond,
      ratios,
      seconds: Object.fromEntries(seconds),
    };
  },
};
