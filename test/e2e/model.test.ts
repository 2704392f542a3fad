import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { flat } from '../../lib/rates/distribution.ts';
import { fineTune } from '../../lib/train/fine-tune.ts';
import type { Model, ModelOptions } from '../../lib/train/model.ts';
import { openModel } from '../../lib/train/open.ts';
import type { TrainEvent } from '../../lib/train/run.ts';
import { temporaryFolder } from '../helpers/temporary.ts';
import { writeTinyBert } from '../helpers/tiny-bert.ts';
import { tinyTask } from '../helpers/tiny-task.ts';

const folder = await writeTinyBert(temporaryFolder());
const task = tinyTask({ train: 60, validation: 20 });
const open = (options: Partial<ModelOptions> = {}): Promise<Model> =>
  openModel({ path: folder, tasks: [task], threads: 1, ...options });

async function readAll(model: Model, replica = 0): Promise<Float32Array[]> {
  const values: Float32Array[] = [];
  for (const parameter of model.parameters.keys())
    values.push(await model.session.read({ buffer: 'weights', parameter, replica }));
  return values;
}

test('a replica that diverges is reported and leaves the others as they would be alone', async () => {
  const options = { task, epochs: 2, clipNorm: 0 } as const;
  await using pair = await open({ replicas: 2 });
  const run = pair.train({ ...options, rates: [flat(1e-3), flat(1e37)] });
  const events: TrainEvent[] = [];
  for await (const event of run) events.push(event);
  const result = await run.result;
  assert.equal(result.nonFinite[0], -1);
  const at = result.nonFinite[1]!;
  assert.ok(at > 0 && at < result.steps, `stopped being finite at ${at}`);
  assert.deepEqual(
    events.filter((event) => event.type === 'not-finite'),
    [{ type: 'not-finite', replica: 1, step: at }],
  );
  assert.ok(result.losses[1]!.subarray(at + 1).every(Number.isNaN));
  assert.ok(result.losses[0]!.every(Number.isFinite));

  await using alone = await open();
  const single = await alone.train({ ...options, rates: flat(1e-3) }).result;
  assert.deepEqual(result.losses[0], single.losses[0]);
  assert.deepEqual(await readAll(pair, 0), await readAll(alone));
});

test('when no replica is finite any more, the run fails with a remedy', async () => {
  await using model = await open({ replicas: 2 });
  const run = model.train({ task, rates: [flat(1e37), flat(1e36)], epochs: 2, clipNorm: 0 });
  await assert.rejects(
    run.result,
    (error: { code?: string; remedy?: string }) =>
      error.code === 'ERR_LOSS_NOT_FINITE' && /lower rates/.test(error.remedy!),
  );
  await assert.rejects(
    async () => {
      for await (const event of run) assert.ok(event);
    },
    { code: 'ERR_LOSS_NOT_FINITE' },
  );
});

test('an abort rejects with its reason after a whole step', async () => {
  await using model = await open();
  const controller = new AbortController();
  const reason = new Error('enough');
  const run = model.train({ task, rates: flat(1e-3), epochs: 100000, reportMs: 0, signal: controller.signal });
  for await (const event of run) {
    if (event.type === 'step' && event.step >= 3) break;
  }
  controller.abort(reason);
  await assert.rejects(run.result, (error) => error === reason);
  const steps = model.steps;
  assert.ok(steps >= 3);

  // The weights are those of as many whole steps: the same job stopped by its length agrees.
  await using again = await open();
  await again.train({
    task,
    rates: flat(1e-3),
    epochs: 100000,
    pauseAt: [steps],
    onPause: async ({ step }) => (step === steps ? 'stop' : undefined),
  }).result;
  assert.deepEqual(await readAll(model), await readAll(again));
  // And the model is still usable.
  assert.equal((await model.evaluate(task)).length, 1);
});

test('an aborted signal starts nothing', async () => {
  await assert.rejects(open({ signal: AbortSignal.abort('no') }), (error) => error === 'no');
  await using model = await open();
  await assert.rejects(
    model.train({ task, rates: flat(1e-3), signal: AbortSignal.abort('no') }).result,
    (error) => error === 'no',
  );
  assert.equal(model.steps, 0);
});

test('stop() ends the run early and leaves the result', async () => {
  await using model = await open();
  const run = model.train({ task, rates: flat(1e-3), epochs: 100000, reportMs: 0 });
  for await (const event of run) if (event.type === 'step') run.stop();
  const result = await run.result;
  assert.ok(result.stopped && result.steps > 0);
  assert.equal(result.losses[0]!.length, result.steps);
});

test('one run at a time, and none after dispose', async () => {
  const model = await open();
  const run = model.train({ task, rates: flat(1e-3), epochs: 100000 });
  assert.throws(() => model.train({ task, rates: flat(1e-3) }), { code: 'ERR_BUSY' });
  const disposed = Promise.all([model.dispose(), model.dispose()]);
  assert.ok((await run.result).stopped);
  await disposed;
  await model.dispose();
  assert.throws(() => model.train({ task, rates: flat(1e-3) }), { code: 'ERR_DISPOSED' });
  await assert.rejects(model.evaluate(task), { code: 'ERR_DISPOSED' });
});

test('a saved folder gives the same predictions, in whatever order its labels are', async () => {
  await using model = await open();
  await model.train({ task, rates: flat(5e-3), epochs: 4 }).result;
  const before = await model.predict(task.splits['validation']!, { head: 'tiny' });
  const saved = join(temporaryFolder(), 'saved');
  await model.save(saved);
  await using same = await openModel({ path: saved, tasks: [task], threads: 1 });
  assert.deepEqual(same.loaded.fresh, []);
  assert.deepEqual(await same.predict(task.splits['validation']!, { head: 'tiny' }), before);
  const turned = { ...task, labels: ['positive', 'negative'] };
  await using other = await openModel({ path: saved, tasks: [turned], threads: 1 });
  assert.deepEqual(other.loaded.labelOrder, [1, 0]);
  const logits = (await other.predict(task.splits['validation']!, { head: 'tiny' }))[0]!;
  for (let row = 0; row < 20; row++)
    assert.deepEqual([logits[2 * row], logits[2 * row + 1]], [before[0]![2 * row + 1], before[0]![2 * row]]);
});

test('accumulated micro-batches give the step of one batch', async () => {
  const losses = async (batchSize: number, gradientAccumulationSteps: number): Promise<Float32Array> => {
    await using model = await open();
    return (await model.train({ task, rates: flat(1e-3), epochs: 2, batchSize, gradientAccumulationSteps }).result)
      .losses[0]!;
  };
  const [one, cut] = [await losses(16, 1), await losses(4, 4)];
  assert.equal(one.length, cut.length);
  for (const [step, loss] of one.entries())
    assert.ok(Math.abs(loss - cut[step]!) < 1e-5 * Math.abs(loss), `step ${step}: ${loss} and ${cut[step]}`);
});

test('options that cannot be are refused before anything runs', async () => {
  await using model = await open({ replicas: 2 });
  const refused = (options: object, code: string, message: RegExp): void => {
    assert.throws(
      () => model.train({ task, rates: flat(1e-3), ...options }),
      (error: { code?: string; message: string }) => error.code === code && message.test(error.message),
      String(message),
    );
  };
  refused({ epochs: 0 }, 'ERR_INVALID_OPTION', /epochs/);
  refused({ epochs: NaN }, 'ERR_INVALID_OPTION', /epochs/);
  refused({ batchSize: 1.5 }, 'ERR_INVALID_OPTION', /batchSize.*1\.5/);
  refused({ epoch: 3 }, 'ERR_UNKNOWN_OPTION', /"epoch"/);
  refused({ rates: [flat(1e-3)] }, 'ERR_INVALID_OPTION', /each of the 2 replicas, received 1/);
  refused({ rates: flat(0) }, 'ERR_INVALID_OPTION', /nothing would learn/);
  refused({ head: 'tinny' }, 'ERR_INVALID_OPTION', /no head "tinny"/);
  refused({ loss: 'mse' }, 'ERR_INVALID_OPTION', /"mse" does not fit/);
  refused({ optimizer: { beta1: 1 } }, 'ERR_INVALID_OPTION', /optimizer\.beta1/);
  const { train } = task.splits as { train: NonNullable<(typeof task.splits)[string]> };
  refused({ dataset: { ...train, labels: train.labels.map(() => 2) } }, 'ERR_LABEL_UNKNOWN', /label 2/);
  refused({ dataset: { ...train, labels: train.labels.map(() => NaN) } }, 'ERR_DATA_INVALID', /no label/);
  await assert.rejects(openModel({ path: folder, tasks: [task, task] }), {
    code: 'ERR_INVALID_OPTION',
    message: /named twice/,
  });
  await assert.rejects(openModel({ path: folder, replica: 2 } as never), { code: 'ERR_UNKNOWN_OPTION' });
  await assert.rejects(openModel({ path: folder, device: 'cuda:7' }), { code: 'ERR_DEVICE_UNAVAILABLE' });
  assert.equal(model.steps, 0);
});

test('fineTune keeps the log a Trainer would', async () => {
  await using model = await open();
  const { result } = fineTune(model, {
    task,
    rates: flat(1e-2),
    args: { num_train_epochs: 2, logging_steps: 5, eval_strategy: 'epoch', lr_scheduler_type: 'linear' },
  });
  const { history, run } = await result;
  const logs = history[0]!.filter((entry) => 'loss' in entry);
  assert.equal(run.steps, 16);
  assert.deepEqual(
    logs.map((entry) => entry['step']),
    [5, 10, 15],
  );
  const mean = run.losses[0]!.subarray(5, 10).reduce((a, b) => a + b, 0) / 5;
  assert.ok(Math.abs(logs[1]!['loss']! - mean) < 1e-9);
  // A Trainer logs the rate that the next step will have.
  assert.ok(Math.abs(logs[1]!['learning_rate']! - 1e-2 * (1 - 10 / 16)) < 1e-12);
  assert.deepEqual(
    history[0]!.filter((entry) => 'eval_loss' in entry).map((entry) => [entry['epoch'], entry['step']]),
    [
      [1, 8],
      [2, 16],
    ],
  );
});

test('the losses of evaluations are smoothed as the trained one is', async () => {
  const smoothed = 0.3;
  await using model = await open();
  const events: TrainEvent[] = [];
  const run = model.train({
    task,
    rates: flat(1e-2),
    epochs: 1,
    labelSmoothing: smoothed,
    evaluate: [{ task, splits: ['validation'] }],
  });
  for await (const event of run) events.push(event);
  const [plain] = await model.evaluate(task);
  const [expected] = await model.evaluate(task, { labelSmoothing: smoothed });
  assert.ok(Math.abs(expected!.loss - plain!.loss) > 1e-3);
  const evaluation = events.find(({ type }) => type === 'evaluation');
  assert.equal(evaluation?.type === 'evaluation' && evaluation.scores[0]!.loss, expected!.loss);

  await using other = await open();
  const args = { num_train_epochs: 1, label_smoothing_factor: smoothed, eval_strategy: 'epoch' } as const;
  const { history } = await fineTune(other, { task, rates: flat(1e-2), args }).result;
  const [logged] = history[0]!.filter((entry) => 'eval_loss' in entry);
  assert.equal(logged!['eval_loss'], expected!.loss);
});

test('a classifier on the raw [CLS] state keeps working after it was saved', async () => {
  await using model = await open({ pool: 'cls' });
  await model.train({ task, rates: flat(5e-3), epochs: 1 }).result;
  const saved = join(temporaryFolder(), 'saved');
  await model.save(saved);
  await using again = await openModel({ path: saved, tasks: [task], threads: 1 });
  assert.equal(again.pool, 'cls');
  const before = await model.predict(task.splits['validation']!, { head: 'tiny' });
  assert.deepEqual(await again.predict(task.splits['validation']!, { head: 'tiny' }), before);
  await using pooled = await openModel({ path: saved, tasks: [task], threads: 1, pool: 'pooler' });
  assert.notDeepEqual(await pooled.predict(task.splits['validation']!, { head: 'tiny' }), before);
});

test('masked-LM training from a configuration alone, and its folder', async () => {
  const head = { name: 'mlm', kind: 'masked-lm' } as const;
  await using model = await open({ tasks: [], heads: [head], from: 'config' });
  const masking = { probability: 0.3, maskId: 4, special: Int32Array.of(0, 1, 2, 3, 4) };
  const dataset = task.splits['train']!;
  const { losses } = await model.train({ head: 'mlm', dataset, masking, rates: flat(1e-2), epochs: 20 }).result;
  const mean = (from: number, to: number): number =>
    losses[0]!.subarray(from, to).reduce((a, b) => a + b, 0) / (to - from);
  assert.ok(
    mean(losses[0]!.length - 20, losses[0]!.length) < mean(0, 20) - 0.3,
    `${mean(0, 20)} to ${mean(losses[0]!.length - 20, losses[0]!.length)}`,
  );
  const saved = join(temporaryFolder(), 'saved');
  await model.save(saved);
  await using again = await openModel({ path: saved, heads: [head], threads: 1 });
  assert.deepEqual(again.loaded.fresh, []);
  assert.deepEqual(await readAll(again), await readAll(model));
  assert.throws(() => model.train({ head: 'mlm', dataset, rates: flat(1e-3) }), {
    code: 'ERR_INVALID_OPTION',
    message: /masking/,
  });
});

test('replicas are forked, dropped and given new heads', async () => {
  await using model = await open();
  await model.train({ task, rates: flat(5e-3), epochs: 1 }).result;
  const one = await readAll(model);
  await model.setReplicas([0, 0, 0]);
  assert.equal(model.replicas, 3);
  assert.deepEqual(await readAll(model, 2), one);
  const second = tinyTask({ name: 'second', seed: 11 });
  await model.addHead({ name: second.name, labels: second.labels });
  assert.deepEqual(
    model.heads.map((head) => head.name),
    ['tiny', 'second'],
  );
  await model.train({ task: second, rates: [flat(1e-3), flat(1e-2), flat(1e-3)], epochs: 1 }).result;
  const [a, b, c] = [await readAll(model, 0), await readAll(model, 1), await readAll(model, 2)];
  assert.deepEqual(a, c);
  assert.notDeepEqual(a, b);
  // The other task's head had no gradient.
  const first = model.parameters.findIndex(({ name }) => name === 'classifier.tiny.weight');
  assert.deepEqual(a[first], one[first]);
  await model.setReplicas([1]);
  assert.deepEqual(await readAll(model), b);
  await assert.rejects(model.save(join(temporaryFolder(), 'x')), { code: 'ERR_INVALID_OPTION', message: /2 heads/ });
  await assert.rejects(model.setReplicas([1]), { code: 'ERR_INVALID_OPTION' });
});
