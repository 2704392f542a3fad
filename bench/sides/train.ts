/**
 * lrdist's side of the case `step`: training steps through the library's API, the first ones timed apart as the peers do. One JSON line.
 * With --peaks also the rates that the limit of a step is made of, measured right after the steps.
 */
import { parseArgs } from 'node:util';
import { flat, loadTask, type Model, openModel } from '../../lib/index.ts';
import { measurePeaks } from '../../lib/native/peaks.ts';
import { type ModelShape, stepLinears, type StepWork } from '../lib/limit.ts';

const text = { type: 'string' } as const;
const { values } = parseArgs({
  options: {
    ...{ model: text, task: text, data_dir: text, seed: text, batch: text, max_steps: text, untimed: text },
    ...{ threads: text, accumulation: { type: 'string', default: '1' }, peaks: { type: 'string', default: '0' } },
    bf16: { type: 'boolean', default: false },
  },
});
const whole = (name: Exclude<keyof typeof values, 'bf16'>): number => Number(values[name]);
const [batch, steps, untimed, seed] = [whole('batch'), whole('max_steps'), whole('untimed'), whole('seed')];
const path = values.model!;
const precision = values.bf16 ? 'bf16' : 'fp32';

const task = await loadTask({ model: path, task: values.task!, dataDir: values.data_dir!, splits: ['train'] });
await using model = await openModel({
  path,
  tasks: [task],
  seed,
  threads: whole('threads'),
  ...(values.bf16 ? { precision } : {}),
});

const clock = (): { seconds: number; cpu: number } => {
  const { user, system } = process.cpuUsage();
  return { seconds: performance.now() / 1000, cpu: (user + system) / 1e6 };
};
const first = clock();
let middle = { ...first, tokens: 0, touched: 0 };
const run = model.train({
  task,
  rates: flat(5e-5),
  seed,
  maxSteps: steps,
  batchSize: batch,
  gradientAccumulationSteps: whole('accumulation'),
  pauseAt: [untimed],
  onPause: async ({ step, tokens }) => {
    if (step !== untimed) return;
    const touched = await touchedRows(model);
    middle = { ...clock(), tokens, touched };
  },
});
const result = await run.result;
const last = clock();

const tokens = result.tokens - middle.tokens;
const timed = steps - untimed;
const rows = timed * batch * whole('accumulation');
const work: StepWork = {
  tokens: tokens / timed,
  rows: rows / timed,
  squares: (meanSquare(task.splits['train']!.offsets) * rows) / timed,
  moved:
    elements(() => true) -
    wordElements() +
    model.config.hidden_size * ((middle.touched + (await touchedRows(model))) / 2),
  converted: elements(({ name, shape }) => shape.length === 2 && /encoder|pooler/.test(name)),
  precision,
};
// The same threads as the steps had, right after them.
const shapes = stepLinears(shapeOf(model), work).map(({ m, n, k }) => ({ m: Math.round(m), n, k }));
const rounds = whole('peaks');
const peaks = rounds > 0 ? await measurePeaks({ shapes, threads: whole('threads'), precision, rounds }) : undefined;
console.log(
  JSON.stringify({
    timed_steps: timed,
    timed_seconds: last.seconds - middle.seconds,
    timed_cpu_seconds: last.cpu - middle.cpu,
    timed_rows: rows,
    timed_tokens: tokens,
    untimed_seconds: middle.seconds - first.seconds,
    matmul: model.session.matmul(),
    shape: shapeOf(model),
    work,
    peaks,
  }),
);

function elements(which: (parameter: Model['parameters'][number]) => boolean): number {
  return model.parameters.filter(which).reduce((sum, { shape }) => sum + shape.reduce((n, size) => n * size, 1), 0);
}

function wordElements(): number {
  return elements(({ name }) => name.endsWith('word_embeddings.weight'));
}

/** Word-embedding rows that a batch has had so far: the others cost the optimizer nothing. */
async function touchedRows({ parameters, session }: Model): Promise<number> {
  const parameter = parameters.findIndex(({ name }) => name.endsWith('word_embeddings.weight'));
  const touched = await session.read({ buffer: 'touched', parameter, replica: 0 });
  return touched.reduce((sum, flag) => sum + flag, 0);
}

function meanSquare(offsets: Int32Array): number {
  let sum = 0;
  for (let r = 1; r < offsets.length; r++) sum += (offsets[r]! - offsets[r - 1]!) ** 2;
  return sum / (offsets.length - 1);
}

function shapeOf({ config }: Model): ModelShape {
  return { hidden: config.hidden_size, layers: config.num_hidden_layers, intermediate: config.intermediate_size };
}
