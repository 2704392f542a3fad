/** Training steps of several distributions side by side, or of one alone, through the library's API; the first ones timed apart. One JSON line. */
import { parseArgs } from 'node:util';
import { loadRates, loadTask, openModel } from '../../lib/index.ts';

const text = { type: 'string' } as const;
const { values } = parseArgs({
  options: {
    ...{ model: text, task: text, data_dir: text, seed: text, batch: text, max_steps: text, untimed: text },
    ...{ threads: text, rates: text, rows: text },
    bf16: { type: 'boolean', default: false },
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
  ...(values.bf16 ? { precision: 'bf16' } : {}),
});
const steps = whole('max_steps');
const clock = (): { seconds: number; cpu: number } => {
  const { user, system } = process.cpuUsage();
  return { seconds: performance.now() / 1000, cpu: (user + system) / 1e6 };
};
let began = clock();
const run = model.train({
  task,
  rates: await loadRates(values.rates!, { layers: model.config.num_hidden_layers }),
  seed: whole('seed'),
  maxSteps: steps,
  batchSize: whole('batch'),
  frozenDropout: values.frozen_dropout,
  pauseAt: [whole('untimed')],
  onPause: async ({ step }) => {
    if (step === whole('untimed')) began = clock();
  },
});
await run.result;
const ended = clock();
const timed = steps - whole('untimed');
console.log(
  JSON.stringify({
    replicas: count,
    timed_steps: timed,
    timed_seconds: ended.seconds - began.seconds,
    timed_cpu_seconds: ended.cpu - began.cpu,
    kept_bytes: model.session.memory().prefix,
    matmul: model.session.matmul(),
  }),
);
