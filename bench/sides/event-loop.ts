/** Delay of the event loop in a process that trains, and in the same process when it does nothing. One JSON line, milliseconds. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { flat, loadTask, openModel } from '../../lib/index.ts';

const text = { type: 'string' } as const;
const { values } = parseArgs({
  options: {
    model: text,
    task: text,
    data_dir: text,
    seed: text,
    batch: text,
    max_steps: text,
    threads: text,
    device: { type: 'string', default: 'cpu' },
  },
});
const whole = (name: keyof typeof values): number => Number(values[name]);

/** Recorded values are the times between two turns of a timer of this many milliseconds. */
const resolution = 1;

const task = await loadTask({ model: values.model!, task: values.task!, dataDir: values.data_dir!, splits: ['train'] });
await using model = await openModel({
  path: values.model!,
  tasks: [task],
  threads: whole('threads'),
  device: values.device,
});
const train = (steps: number) =>
  model.train({ task, rates: flat(5e-5), seed: whole('seed'), maxSteps: steps, batchSize: whole('batch') });

await train(1).result; // compiled code, library set-up
const idle = await delaysDuring(setTimeout(1000));
const training = await delaysDuring(follow());
console.log(JSON.stringify({ idle, training }));

/** As a program would: it reads every event. */
async function follow(): Promise<void> {
  const run = train(whole('max_steps'));
  for await (const event of run) void event;
  await run.result;
}

async function delaysDuring(work: Promise<unknown>) {
  const histogram = monitorEventLoopDelay({ resolution });
  histogram.enable();
  await work;
  histogram.disable();
  const milliseconds = (nanoseconds: number): number => nanoseconds / 1e6;
  return {
    p50: milliseconds(histogram.percentile(50)),
    p99: milliseconds(histogram.percentile(99)),
    max: milliseconds(histogram.max),
    samples: histogram.count,
  };
}
