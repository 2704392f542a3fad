/** Training steps of several distributions side by side, or of one alone, through the library's API; the first ones timed apart. One JSON line. */
import { parseArgs } from 'node:util';
import { loadRates, loadTask, type Model, openModel } from '../../lib/index.ts';

const text = { type: 'string' } as const;
const { values } = parseArgs({
  options: {
    ...{ model: text, task: text, data_dir: text, seed: text, batch: text, max_steps: text, untimed: text },
    ...{ threads: text, rates: text, rows: text },
    bf16: { type: 'boolean', default: false },
    tf32: { type: 'boolean', default: false },
    device: { type: 'string', default: 'cpu' },
    frozen_dropout: { type: 'boolean', default: true },
  },
  allowNegative: true,
});
const whole = (name: 'seed' | 'batch' | 'max_steps' | 'untimed' | 'threads' | 'rows'): number => Number(values[name]);

const task = await loadTask({
  model: values.model!,
  task: values.task!,
  dataDir: values.data_dir!,
  splits: ['train'],
  ...(values.rows === undefined ? {} : { maxTrainSamples: whole('rows') }),
});
const count = values.rates!.split(',').length;
await using model = await openModel({
  path: values.model!,
  tasks: [task],
  replicas: count,
  seed: whole('seed'),
  threads: whole('threads'),
  device: values.device,
  ...(values.bf16 ? { precision: 'bf16' } : values.tf32 ? { precision: 'tf32' } : {}),
});
const steps = whole('max_steps');
const clock = (): { seconds: number; cpu: number } => {
  const { user, system } = process.cpuUsage();
  return { seconds: performance.now() / 1000, cpu: (user + system) / 1e6 };
};
let began = { ...clock(), tokens: 0 };
const run = model.train({
  task,
  rates: await loadRates(values.rates!, { layers: model.config.num_hidden_layers }),
  seed: whole('seed'),
  maxSteps: steps,
  batchSize: whole('batch'),
  frozenDropout: values.frozen_dropout,
  pauseAt: [whole('untimed')],
  onPause: async ({ step, tokens }) => {
    if (step === whole('untimed')) began = { ...clock(), tokens };
  },
});
const { tokens } = await run.result;
const ended = clock();
const timed = steps - whole('untimed');
console.log(
  JSON.stringify({
    replicas: count,
    timed_steps: timed,
    timed_seconds: ended.seconds - began.seconds,
    timed_cpu_seconds: ended.cpu - began.cpu,
    timed_tokens: tokens - began.tokens,
    timed_rows: timed * whole('batch'),
    work: await workOf(model),
    kept_bytes: model.session.memory().prefix,
    matmul: model.session.matmul(),
  }),
);

/** What the floor of a step is made of, for one replica. */
async function workOf({ parameters, session, config }: Model) {
  const elements = (which: (name: string, shape: readonly number[]) => boolean): number =>
    parameters
      .filter(({ name, shape }) => which(name, shape))
      .reduce((sum, { shape }) => sum + shape.reduce((n, size) => n * size, 1), 0);
  const word = parameters.findIndex(({ name }) => name.endsWith('word_embeddings.weight'));
  const touched = await session.read({ buffer: 'touched', parameter: word, replica: 0 });
  const rows = touched.reduce((sum, flag) => sum + flag, 0);
  const { offsets } = task.splits['train']!;
  let squares = 0;
  for (let r = 1; r < offsets.length; r++) squares += (offsets[r]! - offsets[r - 1]!) ** 2;
  return {
    shape: { hidden: config.hidden_size, layers: config.num_hidden_layers, intermediate: config.intermediate_size },
    moved: elements((name) => !name.endsWith('word_embeddings.weight')) + rows * config.hidden_size,
    converted: elements((name, shape) => shape.length === 2 && /encoder|pooler/.test(name)),
    squaresPerRow: squares / (offsets.length - 1),
  };
}
