/** `--dry_run`: what would run, and an estimate of its time from a few real steps. */
import type { RateDistribution } from '../../rates/distribution.ts';
import { deviceNames } from '../../native/devices.ts';
import { runOptions, type TrainingArguments } from '../../train/arguments.ts';
import { thousands } from '../../rates/table.ts';
import type { Model } from '../../train/model.ts';
import type { StepCounts } from '../../train/plan.ts';
import { rowsOf, type Task } from '../../train/task.ts';
import { formatSeconds } from '../progress.ts';
import type { CommandContext } from '../run.ts';
import { rateTable } from './table.ts';
import type { GroupRow } from '../../train/run.ts';

export interface DryRunParts {
  readonly model: Model;
  readonly task: Task;
  readonly distributions: readonly RateDistribution[];
  readonly args: TrainingArguments;
  readonly counts: StepCounts;
  readonly context: CommandContext;
}

const probeSteps = 5;

export async function dryRun({ model, task, distributions, args, counts, context }: DryRunParts): Promise<void> {
  const { signal, output } = context;
  const rows = task.splits['train']!;
  const tokensPerEpoch = rows.offsets.at(-1)!;
  const tokens = Math.round((tokensPerEpoch * counts.total) / counts.stepsPerEpoch);
  // The whole schedule must not shrink to the probe's length: only the first steps are timed, by stopping after them.
  const run = model.train({
    task,
    rates: distributions,
    ...runOptions(args),
    signal,
    reportMs: 0,
    pauseAt: [1, Math.min(1 + probeSteps, counts.total)],
    onPause: pause,
  });
  let began = 0;
  let seen = 0;
  let seconds = 0;
  async function pause(boundary: { step: number; tokens: number }): Promise<'stop' | void> {
    if (boundary.step === 1 && counts.total > 1) {
      // The first step also chooses kernels and warms caches.
      began = performance.now();
      seen = boundary.tokens;
      return undefined;
    }
    seconds = (performance.now() - began) / 1000;
    seen = boundary.tokens - seen;
    return 'stop';
  }
  let groups: readonly GroupRow[] = [];
  for await (const event of run) if (event.type === 'groups') groups = event.rows;
  await run.result;
  const perToken = seen > 0 ? seconds / seen : NaN;
  const evaluated = Object.entries(task.splits).filter(([name]) => name.startsWith('validation'));
  const memory = model.session.memory();
  const { length: devices } = deviceNames(model.spec.device);
  const bytes = memory.weights + memory.moments + memory.gradients + memory.datasets + memory.activations;
  const document = {
    dry_run: true,
    task: task.name,
    splits: Object.fromEntries(Object.entries(task.splits).map(([name, split]) => [name, rowsOf(split)])),
    replicas: distributions.map(({ name }) => name),
    total_steps: counts.total,
    steps_per_epoch: counts.stepsPerEpoch,
    train_tokens: tokens,
    fresh_parameters: model.loaded.fresh,
    unused_tensors: model.loaded.unused,
    memory_bytes: bytes,
    tokens_per_second: 1 / perToken,
    estimated_train_seconds: tokens * perToken,
  };
  output.result(document, () =>
    [
      `would train ${task.name}: ${counts.rows} rows, ${counts.total} steps of ${args.batch_tokens === undefined ? '' : 'about '}${counts.batchSize * counts.accumulation} rows, ${thousands(tokens)} tokens`,
      ...(evaluated.length > 0
        ? [`and evaluate ${evaluated.map(([name, split]) => `${name} (${rowsOf(split)} rows)`).join(', ')}`]
        : []),
      ...(model.loaded.fresh.length > 0 ? [`fresh weights: ${model.loaded.fresh.join(', ')}`] : []),
      ...(model.loaded.unused.length > 0 ? [`not used from the folder: ${model.loaded.unused.join(', ')}`] : []),
      `about ${formatSeconds(tokens * perToken)} of training (${thousands(Math.round(1 / perToken))} tokens/s measured over ${probeSteps} steps), ${Math.ceil(bytes / 1e6)} MB${devices > 1 ? ` on ${devices} devices together` : ''}`,
      '',
      rateTable(
        groups,
        distributions.map(({ name }) => name),
      ),
    ].join('\n'),
  );
}
