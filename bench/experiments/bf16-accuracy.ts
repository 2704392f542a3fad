/**
 * Fine-tuning in bf16 against fp32, paired by seed: accuracy and loss on the dev rows of MRPC with MiniLM.
 *
 *   LRDIST_DATA=… node bench/experiments/bf16-accuracy.ts [--seeds 1,2,3,4] [--epochs 1]    # writes bench/results/bf16-accuracy-*.json
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { cli, data } from '../lib/case.ts';
import { saveResult } from '../lib/results.ts';
import { number, runSide, type Side, shown } from '../lib/side.ts';
import { interval } from '../lib/statistics.ts';

const { values } = parseArgs({
  options: { seeds: { type: 'string', default: '1,2,3,4' }, epochs: { type: 'string', default: '1' } },
});
const seeds = values.seeds.split(',').map(Number);
const folder = data();
const scratch = mkdtempSync(join(tmpdir(), 'lrdist-bf16-'));

const side = (precision: 'fp32' | 'bf16', seed: number): Side => ({
  name: precision,
  command: [
    process.execPath,
    cli,
    ...['train', '--model', join(folder, 'models', 'minilm-l6-h384-uncased'), '--task', 'mrpc'],
    ...['--data_dir', join(folder, 'glue'), '--seed', String(seed), '--num_train_epochs', values.epochs],
    ...['--learning_rate', '5e-5', '--per_device_train_batch_size', '32', '--save_strategy', 'no', '--json'],
    ...[
      '--output_dir',
      join(scratch, 'model'),
      '--overwrite_output_dir',
      precision === 'bf16' ? '--bf16' : '--no-bf16',
    ],
  ],
});

const found: Record<'fp32' | 'bf16', { accuracy: number[]; loss: number[] }> = {
  fp32: { accuracy: [], loss: [] },
  bf16: { accuracy: [], loss: [] },
};
try {
  for (const seed of seeds)
    for (const precision of ['fp32', 'bf16'] as const) {
      const document = await runSide(side(precision, seed));
      found[precision].accuracy.push(number(document, 'eval_accuracy'));
      found[precision].loss.push(number(document, 'eval_loss'));
      console.error(`seed ${seed}, ${precision}: accuracy ${number(document, 'eval_accuracy')}`);
    }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
const difference = (key: 'accuracy' | 'loss') =>
  interval(seeds.map((_, i) => found.bf16[key][i]! - found.fp32[key][i]!));
const [accuracy, loss] = [difference('accuracy'), difference('loss')];
const points = (value: number): string => (100 * value).toFixed(2);
const headline = `bf16 minus fp32, ${seeds.length} seeds: accuracy ${points(accuracy.mean)} points (95 % interval ${points(accuracy.low)} to ${points(accuracy.high)}), loss ${loss.mean.toFixed(4)} (${loss.low.toFixed(4)} to ${loss.high.toFixed(4)})`;
console.log(headline);
console.log(
  saveResult('bf16-accuracy', {
    headline,
    commands: Object.fromEntries(
      (['fp32', 'bf16'] as const).map((one) => [one, shown(side(one, seeds[0]!), { DATA: folder, SCRATCH: scratch })]),
    ),
    seeds,
    settings: { model: 'minilm-l6-h384-uncased', task: 'mrpc', epochs: Number(values.epochs), batch: 32 },
    runs: found,
    differences: { accuracy, loss },
  }),
);
