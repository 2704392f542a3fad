// Measures of a stage on a tiny model: what must be nothing is nothing, what must be found is found.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, test, type TestContext } from 'node:test';
import {
  type MeasureOptions,
  maskedLmLoss,
  measureAfter,
  measureBefore,
  planMeasures,
  retrainHead,
} from '../../lib/forgetting/measure/index.ts';
import { compareGradients, conflictOf } from '../../lib/forgetting/measure/conflict.ts';
import { layerGroups } from '../../lib/rates/depth.ts';
import { flat, type RateDistribution } from '../../lib/rates/distribution.ts';
import type { MeasureName, StageMeasures } from '../../lib/report/measures-record.ts';
import type { Model, ModelOptions } from '../../lib/train/model.ts';
import { openModel } from '../../lib/train/open.ts';
import type { Task } from '../../lib/train/task.ts';
import { temporaryFolder } from '../helpers/temporary.ts';
import { writeTinyBert } from '../helpers/tiny-bert.ts';
import { tinySplit, tinyTask } from '../helpers/tiny-task.ts';

const work = temporaryFolder();
const path = join(work, 'model');
before(() => writeTinyBert(path));

const first = tinyTask({ name: 'praise', train: 160, validation: 60 });
const second = tinyTask({ name: 'blame', train: 80, validation: 20, seed: 19 });
const text = {
  rows: { ...tinySplit(120, 3), labels: new Float32Array(120).fill(NaN) },
  masking: { probability: 0.3, maskId: 4, special: Int32Array.of(0, 1, 2, 3, 4) },
};
const all: MeasureOptions = { rows: { conflict: 16, scored: 40, probe: 60, masked_lm: 50 }, text };
const options = (measures: MeasureOptions = all) => ({
  plan: planMeasures(measures)!,
  tasks: [first, second] as const,
  seed: 5,
});

async function open(t: TestContext, more: Partial<ModelOptions> = {}): Promise<Model> {
  const model = await openModel({
    path,
    tasks: [first, second],
    heads: [{ name: 'mlm', kind: 'masked-lm' }],
    threads: 1,
    seed: 2,
    matmul: 'mkl',
    ...more,
  });
  t.after(() => model.dispose());
  return model;
}

async function learn(model: Model, task: Task, rates: RateDistribution | readonly RateDistribution[], epochs = 3) {
  await model.train({ task, rates, epochs, loggingSteps: 0 }).result;
}

function byLayer(name: string, rates: Readonly<Record<string, number>>): RateDistribution {
  return { name, layers: 2, groups: layerGroups(2), stages: [rates], provenance: {} };
}

const untimed = ({ settings, replicas }: StageMeasures): unknown => ({ settings, replicas });

test('where nothing is trained nothing moved, in no replica, and measuring changes nothing', async (t) => {
  const model = await open(t);
  const start = await model.session.snapshot('weights');
  const held = model.session.memory().slots;
  const measurement = await measureBefore(model, options());
  await model.setReplicas([0, 0]);
  const { replicas, settings, seconds, total_seconds } = await measureAfter(measurement);
  assert.equal(replicas.length, 2);
  for (const { drift, conflict, similarity, probe, masked_lm } of replicas) {
    assert.equal(drift!.body, 0);
    assert.ok(Object.values(drift!.layers).every((value) => value === 0 || value === null));
    assert.deepEqual(conflict!.after, conflict!.before);
    assert.ok(Math.abs(conflict!.before.body!) < 1);
    assert.deepEqual(similarity!.layers, { layer_0: 1, layer_1: 1 });
    assert.deepEqual(probe!.after, probe!.before);
    assert.equal(masked_lm!.after, masked_lm!.before);
  }
  assert.deepEqual(settings.rows, { conflict: 16, scored: 40, probe: 60, masked_lm: 50 });
  assert.deepEqual(Object.keys(seconds).sort(), ['conflict', 'drift', 'masked_lm', 'probe', 'similarity']);
  assert.equal(
    Object.values(seconds).reduce((sum, s) => sum + s, 0),
    total_seconds,
  );
  const compared = await model.session.compare({ buffer: 'weights' }, { buffer: 'slot', slot: start });
  assert.ok(compared.filter((_, i) => i % 4 === 3).every((distance) => distance === 0));
  assert.equal(model.session.memory().slots, held, 'only the snapshot of this test is left');
  await assert.rejects(measureAfter(measurement), { code: 'ERR_DISPOSED' });
});

test('frozen parts have no drift and the same states; what learns above them has both', async (t) => {
  const model = await open(t);
  const measurement = await measureBefore(model, options());
  await model.setReplicas([0, 0]);
  const distributions = [
    byLayer('top', { embeddings: 0, layer_0: 0, layer_1: 1e-2, heads: 1e-2 }),
    byLayer('middle', { embeddings: 0, layer_0: 1e-2, layer_1: 0, heads: 1e-2 }),
  ];
  await learn(model, second, distributions);
  const measures = await measureAfter(measurement, { distributions });
  const [top, middle] = measures.replicas;
  assert.deepEqual([top!.drift!.layers['embeddings'], top!.drift!.layers['layer_0']], [0, 0]);
  assert.ok(top!.drift!.layers['layer_1']! > 0.01 && top!.drift!.body! > 0);
  assert.equal(top!.drift!.kinds['layer_0_bias'], 0);
  assert.ok(top!.drift!.kinds['layer_1_attention']! > 0);
  assert.equal(top!.drift!.groups!['layer_1'], top!.drift!.layers['layer_1']);
  assert.equal(top!.drift!.layers['classifier.praise'], 0, "the other task's head stays");
  assert.equal(top!.similarity!.layers['layer_0'], 1);
  assert.ok(top!.similarity!.layers['layer_1']! < 0.95);
  assert.ok(middle!.drift!.layers['layer_0']! > 0.01);
  assert.equal(middle!.drift!.layers['layer_1'], 0);
  assert.ok(middle!.similarity!.layers['layer_0']! < 0.9);
  assert.deepEqual(JSON.parse(JSON.stringify(measures)), measures, 'plain data');
});

test('the probe reads the last layer, whether the states of all layers are at hand or not', async (t) => {
  const model = await open(t);
  await learn(model, first, flat(1e-2, 2));
  const probed = async (measures: readonly MeasureName[]) =>
    (await measureAfter(await measureBefore(model, options({ ...all, measures })))).replicas[0]!.probe;
  const alone = await probed(['probe', 'masked_lm']);
  assert.deepEqual(await probed(['similarity', 'probe', 'masked_lm']), alone);
  assert.ok(alone!.before.probe! > 0.9);
});

test('every replica measures as it would alone', async (t) => {
  const rates = [flat(1e-2, 2), flat(1e-3, 2)];
  const run = async (list: readonly RateDistribution[]) => {
    const model = await open(t);
    await learn(model, first, flat(1e-2, 2), 1);
    const measurement = await measureBefore(model, options());
    await model.setReplicas(list.map(() => 0));
    await learn(model, second, list, 1);
    return measureAfter(measurement);
  };
  const both = await run(rates);
  for (const [k, rate] of rates.entries())
    assert.deepEqual(untimed({ ...both, replicas: [both.replicas[k]!] }), untimed(await run([rate])));
  assert.notDeepEqual(both.replicas[0], both.replicas[1]);
});

test('replicas that were there before are compared with themselves, in a new order by `origin`', async (t) => {
  const model = await open(t, { replicas: 2 });
  await learn(model, first, [flat(1e-2, 2), flat(1e-3, 2)], 1);
  const still = { measures: ['drift', 'similarity', 'probe'] } as const;
  const plain = await measureAfter(await measureBefore(model, options(still)));
  assert.deepEqual(
    plain.replicas.map(({ drift }) => drift!.body),
    [0, 0],
  );
  const swapped = await measureBefore(model, options(still));
  await model.setReplicas([1, 0, 0]);
  await assert.rejects(measureAfter(swapped), { code: 'ERR_INVALID_OPTION', message: /3 replicas do not say/ });
  const again = await measureBefore(model, options(still));
  await model.setReplicas([2, 1, 0, 0]);
  const { replicas } = await measureAfter(again, { origin: [2, 1, 0, 0] });
  for (const { drift, similarity, probe } of replicas) {
    assert.equal(drift!.body, 0);
    assert.equal(similarity!.layers['layer_1'], 1);
    assert.deepEqual(probe!.before, probe!.after);
  }
  assert.deepEqual(replicas[3]!.probe, plain.replicas[1]!.probe);
  const wrong = await measureBefore(model, options(still));
  await assert.rejects(measureAfter(wrong, { origin: [0] }), { message: /origin: expected 4 numbers from 0 to 3/ });
});

test('a task does not conflict with itself; the same rows with turned labels do', async (t) => {
  const model = await open(t);
  const cosine = async (other: Task): Promise<number> =>
    conflictOf(await compareGradients(model, [first, other], { rows: 50, seed: 1 }), 0, model.parameters).body!;
  assert.ok(Math.abs((await cosine(first)) - 1) < 1e-12);
  const train = first.splits['train']!;
  const turned = { ...first, splits: { train: { ...train, labels: train.labels.map((label) => 1 - label) } } };
  assert.ok((await cosine(turned)) < -0.5);
});

test('a head that is lost while the features stay: the probe tells', async (t) => {
  const model = await open(t);
  await learn(model, first, flat(1e-2, 2), 4);
  const measurement = await measureBefore(model, options({ measures: ['drift', 'probe'] }));
  const head = model.parameters.flatMap(({ name }, i) => (name.startsWith('classifier.praise') ? [i] : []));
  assert.equal(head.length, 2);
  // A head that says the same of every row.
  await writeFile(join(work, 'zeros'), Buffer.alloc(4 * 32));
  await model.session.load(
    head.map((parameter) => ({
      path: join(work, 'zeros'),
      offset: 0,
      dtype: 'F32',
      buffer: 'weights',
      parameter,
      replica: -1,
    })),
  );
  const [{ probe, drift } = {}] = (await measureAfter(measurement)).replicas;
  assert.ok(probe!.before.head! > 0.9 && probe!.before.probe! > 0.9, JSON.stringify(probe));
  assert.equal(probe!.after.probe, probe!.before.probe);
  assert.ok(probe!.after.head! < 0.7);
  assert.equal(drift!.body, 0);
  assert.equal(drift!.layers['classifier.praise'], 1);
});

test('retraining the masked-LM head lowers its loss and leaves the rest of the bits and the stages to come', async (t) => {
  const model = await open(t);
  const start = await model.session.snapshot('weights');
  const other = await open(t);
  const untrained = (await maskedLmLoss(model, text)).losses[0]!;
  const { losses, steps } = await retrainHead(model, text, { epochs: 6, rate: 1e-2 });
  assert.equal(steps, 48);
  assert.equal(losses[0]!.length, 48);
  const dropping = await open(t, { hiddenDropout: 0.4 });
  const again = await retrainHead(dropping, text, { epochs: 6, rate: 1e-2 });
  assert.deepEqual(again.losses, losses, 'no dropout');
  const { losses: after, tokens } = await maskedLmLoss(model, text);
  assert.ok(after[0]! < untrained - 0.3, `${untrained} -> ${after[0]}`);
  assert.ok(tokens > 100);
  const compared = await model.session.compare({ buffer: 'weights' }, { buffer: 'slot', slot: start });
  for (const [p, { name }] of model.parameters.entries())
    assert.equal(compared[4 * p + 3]! > 0, name.startsWith('cls.predictions.'), name);

  // The stage after it has the same dropout masks, so it learns the same.
  await learn(model, first, flat(1e-2, 2), 1);
  await learn(other, first, flat(1e-2, 2), 1);
  const scores = await Promise.all([model, other].map((one) => one.evaluate(first)));
  assert.equal(scores[0]![0]!.loss, scores[1]![0]!.loss);
});

test('a replica that is not finite has no values, and the other has', async (t) => {
  const model = await open(t, { replicas: 2 });
  const measurement = await measureBefore(model, options());
  await writeFile(join(work, 'nan'), Buffer.from(new Float32Array(32 * 16).fill(NaN).buffer));
  const parameter = model.parameters.findIndex(({ name }) => name.endsWith('layer.0.output.dense.bias'));
  await model.session.load([
    { path: join(work, 'nan'), offset: 0, dtype: 'F32', buffer: 'weights', parameter, replica: 1 },
  ]);
  const [whole, broken] = (await measureAfter(measurement)).replicas;
  assert.equal(whole!.drift!.body, 0);
  assert.equal(broken!.drift!.body, null);
  assert.equal(broken!.conflict!.after.body, null);
  assert.deepEqual(broken!.similarity!.layers, { layer_0: null, layer_1: null });
  assert.deepEqual(broken!.probe!.after, { probe: null, head: null, strength: null });
  assert.deepEqual(broken!.probe!.before, whole!.probe!.before);
  assert.equal(broken!.masked_lm!.after, null);
});

test('what a measure needs and is not there is said', async (t) => {
  const plain = await open(t, { heads: [] });
  await assert.rejects(measureBefore(plain, options()), { code: 'ERR_INVALID_OPTION', message: /masked-LM head/ });
  await assert.rejects(retrainHead(plain, text), { code: 'ERR_INVALID_OPTION', message: /masked-LM head/ });
  assert.equal(plain.session.memory().slots, 0, 'nothing is held by measures that failed');
  const bare = { ...first.splits['validation']!, labels: new Float32Array(60).fill(NaN) };
  const tasks = [{ ...first, splits: { ...first.splits, validation: bare } }, second] as const;
  await assert.rejects(measureBefore(plain, { ...options({ measures: ['probe'] }), tasks }), {
    code: 'ERR_INVALID_OPTION',
    message: /praise needs labels/,
  });
  const controller = new AbortController();
  controller.abort(new Error('enough'));
  await assert.rejects(measureBefore(plain, { ...options({ measures: ['conflict'] }), signal: controller.signal }), {
    message: 'enough',
  });
});
