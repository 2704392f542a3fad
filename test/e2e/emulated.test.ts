/** The library on `emulated`, which runs the GPU's kernels on the processor: records, checkpoints over two kinds of device, short memory, a lost device. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { before, test, type TestContext } from 'node:test';
import type { ShiftEvent } from '../../lib/forgetting/events.ts';
import { taskShift } from '../../lib/forgetting/shift.ts';
import { firstStageConfiguration } from '../../lib/pair-search/configuration.ts';
import { readObjective } from '../../lib/pair-search/objective.ts';
import { pairObjective } from '../../lib/pair-search/pair-objective.ts';
import { PairSession } from '../../lib/pair-search/pair-session.ts';
import { rateSpace } from '../../lib/pair-search/rate-space.ts';
import { flat } from '../../lib/rates/distribution.ts';
import { inProcessExecutor } from '../../lib/search/executors/in-process.ts';
import { openStudy } from '../../lib/search/open-study.ts';
import { optimize } from '../../lib/search/optimize.ts';
import { openCheckpoint } from '../../lib/train/checkpoint.ts';
import { fineTune } from '../../lib/train/fine-tune.ts';
import { openModel } from '../../lib/train/open.ts';
import { replicasThatFit } from '../../lib/train/parts.ts';
import { temporaryFolder } from '../helpers/temporary.ts';
import { writeTinyBert } from '../helpers/tiny-bert.ts';
import { tinySplit, tinyTask } from '../helpers/tiny-task.ts';

const work = temporaryFolder();
const model = join(work, 'model');
const task = tinyTask({ name: 'praise', train: 32, validation: 16 });
const second = tinyTask({ name: 'blame', train: 32, validation: 16, seed: 19 });
const rates = [1e-2, 7e-3, 5e-3, 3e-3].map((rate) => flat(rate, 2));
const session = { threads: 1, device: 'emulated' } as const;

before(() => writeTinyBert(model));

function near(
  actual: readonly number[] | Float32Array,
  expected: readonly number[] | Float32Array,
  tolerance: number,
): void {
  assert.equal(actual.length, expected.length);
  for (const [i, value] of Array.from(expected).entries())
    assert.ok(Math.abs(actual[i]! - value) <= tolerance * Math.abs(value), `[${i}]: ${actual[i]}, not ${value}`);
}

/** For what is opened until the end of the test. */
function environment(t: TestContext, name: string, value: string): void {
  process.env[name] = value;
  t.after(() => delete process.env[name]);
}

/** Bytes that a session of so many replicas holds once it has trained. */
async function bytesOf(replicas: number): Promise<number> {
  await using opened = await openModel({ ...session, path: model, tasks: [task], replicas });
  await opened.train({ task, rates: rates.slice(0, replicas), maxSteps: 1 }).result;
  const { weights, moments, gradients, datasets, activations } = opened.session.memory();
  return weights + moments + gradients + datasets + activations;
}

test('a run goes on on another kind of device: the same to rounding, and it is said', async () => {
  const args = { num_train_epochs: 2, per_device_train_batch_size: 8, save_strategy: 'epoch' } as const;
  const open = (device: string) => openModel({ path: model, tasks: [task], seed: 3, threads: 1, device });
  const losses: Record<string, Float32Array> = {};
  for (const device of ['cpu', 'emulated']) {
    await using opened = await open(device);
    const tuning = fineTune(opened, { task, rates: flat(1e-3, 2), args, outputDir: join(work, device) });
    const { run, protocol } = await tuning.result;
    assert.deepEqual(tuning.notes, []);
    assert.equal(protocol['device'], device);
    losses[device] = run.losses[0]!;
  }
  near(losses['emulated']!, losses['cpu']!, 1e-4);
  for (const [from, to] of [
    ['cpu', 'emulated'],
    ['emulated', 'cpu'],
  ] as const) {
    await using opened = await open(to);
    const resume = await openCheckpoint(join(work, from, 'checkpoint-4'));
    const tuning = fineTune(opened, { task, rates: flat(1e-3, 2), args, resume });
    assert.match(tuning.notes.join(), new RegExp(`was made on ${from}, this run goes on on ${to}`));
    near((await tuning.result).run.losses[0]!, losses['cpu']!, 1e-4);
    await using other = await openModel({ path: model, tasks: [task], seed: 4, threads: 1, device: to });
    assert.throws(() => fineTune(other, { task, rates: flat(1e-3, 2), args, resume }), {
      code: 'ERR_PROTOCOL_MISMATCH',
      message: /^(?!.*device:).*model_seed/s,
    });
  }
});

test('as many replicas as there is memory for, asked before and found out by trying', async (t) => {
  const [two, four] = [await bytesOf(2), await bytesOf(4)];
  const options = {
    model,
    tasks: [task, second] as const,
    distributions: rates,
    training: { epochs: 1, batchSize: 8 },
    session,
  };
  const whole = await taskShift(options);
  assert.equal(whole.machine['device'], 'emulated');
  environment(t, 'LRDIST_EMULATED_MEMORY', String(Math.round(two + (four - two) / 2)));
  {
    await using opened = await openModel({ ...session, path: model, tasks: [task] });
    const fit = await replicasThatFit(opened, 4, { tasks: [task, second], batchSize: 8 });
    assert.ok(fit < 4, `${fit} of 4 are said to fit where memory is for less`);
    assert.equal(await replicasThatFit(opened, 1, { tasks: [task] }), 1);
  }
  const events: ShiftEvent[] = [];
  const short = await taskShift({ ...options, onEvent: (event) => events.push(event) });
  assert.ok(events.some(({ type }) => type === 'fewer'));
  assert.equal(short.runs.length, 4);
  for (const [i, run] of short.runs.entries()) {
    assert.equal(run.state, 'complete');
    near([run.before, run.p_s, run.p_o], [whole.runs[i]!.before, whole.runs[i]!.p_s, whole.runs[i]!.p_o], 1e-3);
  }
});

test('a lost device ends a search with its trials given back', async (t) => {
  const selection = (splits: typeof task.splits, seed: number) => ({ ...splits, selection: tinySplit(20, seed) });
  const objective = readObjective('sum');
  const pair = {
    space: rateSpace({ layers: 2, parametrisation: 'flat' }),
    objective,
    options: {
      model,
      tasks: [
        { ...task, splits: selection(task.splits, 101) },
        { ...second, splits: selection(second.splits, 103) },
      ] as const,
      training: { epochs: 1, batchSize: 8 },
      firstTraining: { epochs: 1 },
      objective,
      session,
      cache: false as const,
    },
  };
  const study = await openStudy({
    name: 'lost',
    storage: 'memory:',
    space: pair.space.space,
    objectives: { objective: 'maximize' },
    maxStep: 1,
    sampler: 'random',
  });
  const run = async (): Promise<unknown> => {
    await using made = pairObjective(pair);
    return optimize(study, inProcessExecutor(made.run, { batchSize: 2 }), { trials: 4, mode: 'lockstep' });
  };
  {
    // The first stage and the first batch go well; how many replays that takes is the engine's affair.
    environment(t, 'LRDIST_EMULATED_LOSS', '14');
    await assert.rejects(run(), { code: 'ERR_DEVICE_LOST', remedy: /Start again/ });
    delete process.env['LRDIST_EMULATED_LOSS'];
  }
  const between = await study.trials();
  assert.ok(between.some(({ state }) => state === 'waiting'));
  assert.deepEqual(
    between.filter(({ state }) => state !== 'complete' && state !== 'waiting'),
    [],
  );
  await run();
  assert.equal((await study.trials())[0]!.attributes['device'], 'emulated');
  assert.ok((await study.trials()).every(({ state }) => state === 'complete'));
  await study.close();
});

test('first stages that are kept are told apart by the number of devices, not by which', async () => {
  const configuration = async (device: string) => {
    await using opened = await openModel({ ...session, device, path: model, tasks: [task] });
    return firstStageConfiguration({ model: opened, modelDigest: '', task, training: {}, rates: flat(1e-3, 2) });
  };
  const [one, two] = [await configuration('emulated'), await configuration('emulated,emulated')];
  assert.equal(JSON.stringify({ ...two, devices: undefined }), JSON.stringify(one));
  assert.equal(two.devices, 2);
});

test('dropped replicas are compacted: those that go on have the numbers that they would have had', async () => {
  const objective = readObjective('sum');
  const withSelection = { ...task, splits: { ...task.splits, selection: tinySplit(20, 101) } };
  const other = { ...second, splits: { ...second.splits, selection: tinySplit(20, 103) } };
  await using opened = await PairSession.open({
    model,
    tasks: [withSelection, other],
    training: { epochs: 3, batchSize: 8 },
    firstTraining: { epochs: 1 },
    objective,
    session,
    cache: false,
  });
  const candidates = rates.map((distribution) => ({ distribution }));
  const all = await opened.run(candidates, { rungs: [], onRung: () => assert.fail() });
  const halved = await opened.run(candidates, {
    rungs: [1, 2],
    onRung: async (step, scores) => new Set([...scores.keys()].filter((index) => index % (2 * step) === 1)),
  });
  assert.deepEqual(
    halved.map(({ state }) => state),
    ['pruned', 'complete', 'pruned', 'pruned'],
  );
  const [whole, left] = [all[1]!, halved[1]!];
  assert.ok(whole.state === 'complete' && left.state === 'complete');
  near([left.scores.p_s, left.scores.p_o], [whole.scores.p_s, whole.scores.p_o], 1e-3);
});
