/**
 * Whole epochs of several distributions side by side, through the library's API. Counts how often the host waited for the device, segment by segment.
 * One JSON line.
 */
import { parseArgs } from 'node:util';
import { loadRates, loadTask, openModel } from '../../lib/index.ts';
import type { NativeSegmentResult } from '../../lib/native/boundary.ts';
import { countRun } from '../../lib/train/plan.ts';

const text = { type: 'string' } as const;
const { values } = parseArgs({
  options: {
    ...{ model: text, task: text, data_dir: text, seed: text, batch: text, epochs: text, rates: text, rows: text },
    threads: text,
    device: { type: 'string', default: 'cpu' },
    bf16: { type: 'boolean', default: false },
    tf32: { type: 'boolean', default: false },
  },
});
const whole = (name: 'seed' | 'batch' | 'epochs' | 'threads' | 'rows'): number => Number(values[name]);

const task = await loadTask({
  model: values.model!,
  task: values.task!,
  dataDir: values.data_dir!,
  splits: ['train', 'validation'],
  ...(values.rows === undefined ? {} : { maxTrainSamples: whole('rows') }),
});
const replicas = values.rates!.split(',').length;
const opening = performance.now();
await using model = await openModel({
  path: values.model!,
  tasks: [task],
  replicas,
  seed: whole('seed'),
  device: values.device,
  ...(values.threads === undefined ? {} : { threads: whole('threads') }),
  ...(values.bf16 ? { precision: 'bf16' } : values.tf32 ? { precision: 'tf32' } : {}),
});
const segments: { steps: number; synchronizations: number }[] = [];
const { session } = model;
const train = session.train.bind(session);
Object.defineProperty(session, 'train', {
  value: async (...call: Parameters<typeof train>): Promise<NativeSegmentResult> => {
    const result = await train(...call);
    segments.push({ steps: result.steps, synchronizations: result.synchronizations });
    return result;
  },
});
const options = { epochs: whole('epochs'), batchSize: whole('batch') };
const began = performance.now();
const result = await model.train({
  task,
  rates: await loadRates(values.rates!, { layers: model.config.num_hidden_layers }),
  seed: whole('seed'),
  ...options,
}).result;
const trained = performance.now();
const scores = await model.evaluate(task);
console.log(
  JSON.stringify({
    replicas,
    steps: result.steps,
    tokens: result.tokens,
    steps_per_epoch: countRun(options, [task.splits['train']!]).stepsPerEpoch,
    opening_seconds: (began - opening) / 1000,
    train_seconds: (trained - began) / 1000,
    evaluation_seconds: (performance.now() - trained) / 1000,
    scores: scores.map(({ main }) => main),
    losses: result.losses.map((losses) => losses.at(-1)),
    segments,
  }),
);
