import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { isLrdistError } from '../../lib/errors.ts';
import { estimateShift } from '../../lib/forgetting/estimate.ts';
import type { ShiftEvent } from '../../lib/forgetting/events.ts';
import type { ShiftOptions } from '../../lib/forgetting/options.ts';
import { taskShift } from '../../lib/forgetting/shift.ts';
import { flat, type RateDistribution } from '../../lib/rates/distribution.ts';
import { findPreset, fromPreset } from '../../lib/rates/presets.ts';
import type { ShiftRecord } from '../../lib/report/shift-record.ts';
import { openModel } from '../../lib/train/open.ts';
import type { EncodedSplit, Task } from '../../lib/train/task.ts';
import { runCli, jsonCli } from '../helpers/cli.ts';
import { temporaryFolder } from '../helpers/temporary.ts';
import { tinyWords, writeTinyBert } from '../helpers/tiny-bert.ts';
import { tinyTask, writeTinyGlue } from '../helpers/tiny-task.ts';

const work = temporaryFolder();
const model = join(work, 'model');

/** Other labels for the same kind of sentence: whether it has an "a" or a "b". */
function relabelled({ inputIds, offsets, ...rest }: EncodedSplit): EncodedSplit {
  const labels = Float32Array.from({ length: offsets.length - 1 }, (_, row) => {
    const ids = inputIds.subarray(offsets[row], offsets[row + 1]);
    return ids.includes(tinyWords.indexOf('a')) || ids.includes(tinyWords.indexOf('b')) ? 1 : 0;
  });
  return { ...rest, inputIds, offsets, labels };
}

const first = tinyTask({ name: 'praise', train: 160, validation: 60 });
const other = tinyTask({ name: 'letters', train: 160, validation: 60, seed: 19 });
const second: Task = {
  ...other,
  splits: { train: relabelled(other.splits['train']!), validation: relabelled(other.splits['validation']!) },
};
const fastHead = fromPreset(findPreset('fast-head')!, 2, 1e-3);
const options: ShiftOptions = {
  model,
  tasks: [first, second],
  distributions: [flat(1e-2, 2), fastHead],
  training: { epochs: 3, batchSize: 8 },
  session: { threads: 1 },
};

before(() => writeTinyBert(model));

const numbers = (record: ShiftRecord): unknown =>
  record.runs.map(({ before: b, p_s, p_o, final_losses }) => [b, p_s, p_o, final_losses]);

test('keep mode: one first stage for all, and a high flat rate forgets', async () => {
  const events: ShiftEvent[] = [];
  const record = await taskShift({ ...options, seeds: [1, 2], onEvent: (event) => events.push(event) });
  assert.equal(record.runs.length, 4);
  for (const seed of [1, 2]) {
    const [a, b] = record.runs.filter((run) => run.seed === seed);
    assert.equal(a!.before, b!.before);
    assert.notDeepEqual([a!.p_s, a!.final_losses], [b!.p_s, b!.final_losses]);
  }
  const [high] = record.summary;
  assert.ok(high!.scores.before.mean > 0.9, 'the first task is learned');
  assert.ok(high!.scores.forgetting.mean > 0.1, 'and some of it forgotten');
  assert.ok(Math.abs(high!.scores.before.mean - high!.scores.p_o.mean - high!.scores.forgetting.mean) < 1e-12);
  assert.equal(record.objective, 'sum');
  assert.deepEqual(record.first_stage, { rates: record.distributions[0] });
  assert.deepEqual(
    events.flatMap((event) => (event.type === 'stage' ? [[event.seed, event.stage, event.replicas]] : [])),
    [
      [1, 1, 1],
      [1, 2, 2],
      [2, 1, 1],
      [2, 2, 2],
    ],
  );
  const done = events.flatMap((event) => (event.type === 'step' ? [event.progress.done / event.progress.total] : []));
  assert.deepEqual(
    done,
    done.toSorted((x, y) => x - y),
    'progress only rises',
  );
  assert.ok(done.every((share) => share > 0));
  assert.equal(done.at(-1), 1, 'and reaches the end');
});

test('a distribution that hardly moves the model neither learns nor forgets', async () => {
  const record = await taskShift({ ...options, distributions: [flat(1e-2, 2), flat(1e-6, 2)] });
  const [high, low] = record.runs;
  assert.ok(high!.forgetting > 0.1, String(high!.forgetting));
  assert.ok(high!.final_losses[1]! < low!.final_losses[1]!, 'the high rate learns more');
  assert.ok(Math.abs(low!.forgetting) < 0.05, String(low!.forgetting));
});

test('a distribution beside others has the numbers that it has alone, and a repetition repeats them', async () => {
  const together = await taskShift(options);
  const alone = await taskShift({ ...options, distributions: [fastHead], firstRates: flat(1e-2, 2) });
  assert.deepEqual(numbers(alone), [(numbers(together) as unknown[])[1]]);
  assert.deepEqual(numbers(await taskShift(options)), numbers(together));
});

test('paper mode: each distribution has its own first stage', async () => {
  const record = await taskShift({ ...options, mode: 'paper', moments: 'keep' });
  assert.equal(record.first_stage, 'distribution');
  const [a, b] = record.runs;
  assert.notEqual(a!.final_losses[0], b!.final_losses[0]);
  const fresh = await taskShift({ ...options, mode: 'paper' });
  assert.notDeepEqual(numbers(fresh), numbers(record), 'kept moments make a difference');
  assert.equal(fresh.runs[0]!.final_losses[0], a!.final_losses[0], 'but not in the first stage');
});

test('rates may differ by stage: stage 2 of a distribution governs the second task', async () => {
  const staged = (rates: readonly number[]): RateDistribution => ({
    ...flat(rates[0]!, 2),
    name: 'staged',
    stages: rates.map((all) => ({ all })),
  });
  const own = (await taskShift({ ...options, mode: 'paper', distributions: [staged([1e-2, 1e-3])] })).runs[0]!;
  const high = (await taskShift({ ...options, mode: 'paper', distributions: [staged([1e-2])] })).runs[0]!;
  assert.deepEqual([own.before, own.final_losses[0]], [high.before, high.final_losses[0]]);
  assert.notEqual(own.final_losses[1], high.final_losses[1]);
});

test('a fine-tuned folder instead of a first stage', async () => {
  const folder = join(work, 'tuned');
  await using tuned = await openModel({ path: model, tasks: [first], threads: 1 });
  await tuned.train({ task: first, rates: flat(1e-2), epochs: 3 }).result;
  const [scores] = await tuned.evaluate(first);
  await tuned.save(folder);
  const record = await taskShift({ ...options, firstModel: folder, seeds: [1, 2] });
  for (const run of record.runs) {
    assert.equal(run.before, scores!.main);
    assert.equal(run.final_losses[0], null);
  }
  assert.deepEqual(record.first_stage, { model: folder });
  await assert.rejects(
    taskShift({ ...options, firstModel: model }),
    (error) => isLrdistError(error) && error.code === 'ERR_MODEL_UNSUPPORTED',
  );
});

test('a distribution that diverges is reported; the others keep their bits', async () => {
  const wild: RateDistribution = { ...flat(1e30, 2), name: 'wild' };
  const events: ShiftEvent[] = [];
  const both = await taskShift({
    ...options,
    distributions: [...options.distributions, wild],
    onEvent: (event) => events.push(event),
  });
  assert.deepEqual((numbers(both) as unknown[]).slice(0, 2), numbers(await taskShift(options)));
  const last = both.runs[2]!;
  assert.equal(last.state, 'not_finite');
  assert.ok(Number.isNaN(last.before) && Number.isNaN(last.p_s) && Number.isNaN(last.p_o));
  assert.ok(both.notes.some((note) => /^wild: the loss stopped being finite/.test(note)));
  assert.deepEqual(
    events.flatMap((event) => (event.type === 'not-finite' ? [[event.distribution, event.stage]] : [])),
    [['wild', 2]],
  );
  await assert.rejects(
    taskShift({ ...options, distributions: [wild] }),
    (error) => isLrdistError(error) && error.code === 'ERR_LOSS_NOT_FINITE',
  );
});

test('an abort ends it with its reason', async () => {
  const controller = new AbortController();
  const reason = new Error('enough');
  const onEvent = (event: ShiftEvent): void => {
    if (event.type === 'stage' && event.stage === 2) controller.abort(reason);
  };
  await assert.rejects(taskShift({ ...options, signal: controller.signal, onEvent }), reason);
  await assert.rejects(taskShift({ ...options, signal: AbortSignal.abort(reason) }), reason);
});

test('an estimate trains nothing to its end', async () => {
  const estimate = await estimateShift({ ...options, seeds: [1, 2, 3] });
  assert.deepEqual(
    estimate.stages.map(({ stage, replicas, steps }) => [stage, replicas, steps]),
    [
      [1, 1, 60],
      [2, 2, 60],
    ],
  );
  assert.equal(estimate.seeds, 3);
  assert.ok(estimate.seconds > 0);
});

test('lrdist shift: table, record and refusals', async () => {
  const data = join(work, 'glue');
  await writeTinyGlue(data);
  const { mkdir, writeFile } = await import('node:fs/promises');
  await mkdir(join(data, 'CoLA'));
  const cola = (count: number): string =>
    Array.from(
      { length: count },
      (_, i) => `x\t${i % 2}\t\tthe film was ${i % 2 === 0 ? 'bad' : 'good'} ${'abcd'[i % 4]} .\n`,
    ).join('');
  await writeFile(join(data, 'CoLA', 'train.tsv'), cola(40));
  await writeFile(join(data, 'CoLA', 'dev.tsv'), cola(20));
  const common = [
    'shift',
    '--model',
    model,
    '--data-dir',
    data,
    '--rates',
    'flat@1e-3,fast-head@1e-4',
    '--num_train_epochs',
    '1',
    '--threads',
    '1',
  ];
  const output = join(work, 'out');
  const document = (await jsonCli([
    ...common,
    '--tasks',
    'cola,sst2',
    '--seeds',
    '2',
    '--output_dir',
    output,
  ])) as unknown as ShiftRecord;
  assert.equal(document.format, 'lrdist-shift/1');
  assert.deepEqual(document.seeds, [42, 43]);
  assert.deepEqual(
    document.tasks.map(({ metric }) => metric),
    ['matthews_correlation', 'accuracy'],
  );
  assert.equal(document.objective, 'chance-normalised sum');
  assert.deepEqual(await readdir(output), ['shift.json']);
  const saved = JSON.parse(await readFile(join(output, 'shift.json'), 'utf8')) as ShiftRecord;
  assert.deepEqual(saved, document);

  const table = await runCli([...common, '--tasks', 'cola,sst2']);
  assert.equal(table.code, 0, table.stderr);
  assert.match(table.stdout, /fast-head@1e-4/);
  const dry = (await jsonCli([...common, '--tasks', 'cola,sst2', '--dry_run', '--output_dir', join(work, 'dry')])) as {
    seconds: number;
  };
  assert.ok(dry.seconds > 0);
  await assert.rejects(readdir(join(work, 'dry')));

  const refused = async (more: readonly string[], message: RegExp): Promise<void> => {
    const { code, stderr } = await runCli([...common, ...more]);
    assert.equal(code, 2, stderr);
    assert.match(stderr, message);
  };
  await refused(['--tasks', 'cola'], /expected two tasks/);
  await refused(['--tasks', 'cola,cola'], /both are "cola"/);
  await refused([], /--tasks is missing/);
  await refused(['--tasks', 'cola,sst2', '--seeds', 'x'], /--seeds/);
  await refused(['--tasks', 'cola,sst2', '--seeds', '0'], /--seeds/);
  await refused(['--tasks', 'cola,sst2', '--mode', 'paper', '--first_rates', '1e-4'], /paper mode/);
  await refused(['--tasks', 'cola,sst2', '--first_rate', '1e-4'], /first_rate/);
  await refused(['--tasks', 'cola,sst2', '--output_dir', output], /is there already/);
});
