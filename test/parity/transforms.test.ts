// Mixout and Child-Tuning: their masks recomputed from the counter-based generator, and what they do to weights and gradients.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NativeTransform } from '../../lib/native/boundary.ts';
import { assertGradients, assertWithin } from './helpers/compare.ts';
import { keepFactors, sites } from './helpers/philox.ts';
import { assertNear, assertSame } from './helpers/pulls.ts';
import {
  anchoredBody,
  heads,
  isBody,
  isEncoder,
  isTable,
  openTiny,
  planOf,
  randomValues,
  rowCount,
  slotOf,
  type Steps,
  stepOf,
  take,
  tinySpec,
  train,
  uniform,
  type Values,
} from './helpers/tiny.ts';
import { tolerances } from './helpers/tolerances.ts';

const { seed } = tinySpec;
const probability = 0.3;
const isMatrix = (name: string) => name.endsWith('.weight') && !name.includes('LayerNorm');

/** Keep factors of a matrix's columns (input neurons) in Mixout's draw of a step. */
const columns = (tensor: string, step: number, width: number) =>
  keepFactors({ seed, step, site: sites.mixout, tensor, probability }, width);

for (const anchored of [isBody, () => true]) {
  const which = anchored === isBody ? 'of the body' : 'of every tensor';
  test(`Mixout ${which}: loss and gradients are those of the mixed weights, times the mask`, async (t) => {
    const tiny = await openTiny(t);
    const weights = await take(tiny.session, 'weights');
    const anchor = randomValues(tiny.session, 9);
    const slot = await slotOf(tiny.session, anchor);
    const shapes = new Map(tiny.session.parameters().map(({ name, shape }) => [name, shape]));
    const masking = { probability: 0.5, maskId: 4, special: Int32Array.of(0) };
    const parts = [
      { head: heads.three, loss: 'cross-entropy' },
      { head: heads.words, loss: 'masked-lm', masking },
    ] as const;
    const batches = [[[0, 0.6, [0, 1, 2]] as const, [1, 0.4, [3, 4, 5, 6]] as const]];
    for (const stepOffset of [0, 7, 70_000]) {
      const keep = new Map<string, Float32Array>();
      const mixed: Values = new Map();
      for (const [name, values] of weights) {
        const shape = shapes.get(name)!;
        const width = shape[1]!;
        if (!isMatrix(name) || isTable(name) || !anchored(name)) mixed.set(name, values);
        else {
          keep.set(name, columns(name, stepOffset, width));
          const u = anchor.get(name)!;
          mixed.set(
            name,
            values.map((w, i) => u[i]! + keep.get(name)![i % width]! * (w - u[i]!)),
          );
        }
      }
      assert.ok(keep.size === 6 * 2 + (anchored === isBody ? 1 : 5));
      const steps: Steps = { parts, batches, stepOffset };
      const transforms: NativeTransform[] = [{ kind: 'mixout', anchor: slot, probability }];
      const actual = await stepOf(tiny, { transforms, anchored: anchoredBody(tiny.session, anchored) }, steps);
      const other = await stepOf(await openTiny(t, {}, mixed), {}, steps);
      assertWithin('loss', Math.abs(actual.loss - other.loss), tolerances.loss);
      const expected: Values = new Map(
        [...other.gradients].map(([name, g]) => {
          const kept = keep.get(name);
          return [name, kept ? g.map((value, i) => value * kept[i % kept.length]!) : g];
        }),
      );
      assertGradients(actual.gradients, expected, tolerances.sameStep);
      assertSame('the weights stay unmixed', await take(tiny.session, 'weights'), weights);
      assert.notEqual(actual.loss, (await stepOf(tiny, {}, steps)).loss);
    }
  });
}

test('Mixout’s masks repeat in each replica and change with step and tensor', async (t) => {
  const name = 'bert.encoder.layer.0.output.dense.weight';
  assert.notDeepEqual(columns(name, 0, 32), columns(name, 1, 32));
  assert.notDeepEqual(columns(name, 0, 32), columns(name.replace('0', '1'), 0, 32));
  const tiny = await openTiny(t, { replicas: 2 });
  const slot = await slotOf(tiny.session, randomValues(tiny.session, 9));
  const mixout: NativeTransform = { kind: 'mixout', anchor: slot, probability };
  tiny.session.setPlan(planOf(tiny.session, { transforms: [mixout, mixout] }));
  const { losses } = await train(tiny, { batches: Array.from({ length: 4 }, () => [[0, 1, [1, 2, 4]]]) });
  assert.deepEqual(losses.subarray(0, 4), losses.subarray(4));
  assert.equal(new Set(losses).size, 4);
});

test('the mean of the mixed weight over many draws is the weight', async (t) => {
  const tiny = await openTiny(t);
  const { session } = tiny;
  // Only the regression layer is mixed: its bias' gradient, 2 (mean prediction - mean label), is linear in the mixed weight.
  const steps: Steps = {
    parts: [{ head: heads.score, loss: 'mse' }],
    batches: [[[0, 1, [0, 1, 2, 3]]]],
    dropout: false,
  };
  const plain = (await stepOf(tiny, {}, steps)).gradients.get('classifier.score.bias')![0]!;
  const anchor = await slotOf(session, randomValues(session, 9, -0.5, 0.5));
  const anchored = anchoredBody(session, (name) => name === 'classifier.score.weight');
  session.setPlan(planOf(session, { transforms: [{ kind: 'mixout', anchor, probability: 0.5 }], anchored }));
  const parameter = session.parameters().findIndex(({ name }) => name === 'classifier.score.bias');
  const draws: number[] = [];
  for (let stepOffset = 0; stepOffset < 600; stepOffset++) {
    await train(tiny, { ...steps, stepOffset });
    draws.push((await session.read({ buffer: 'gradients', parameter, replica: 0 }))[0]!);
  }
  const mean = draws.reduce((a, b) => a + b, 0) / draws.length;
  const deviation = Math.sqrt(draws.reduce((sum, d) => sum + (d - mean) ** 2, 0) / (draws.length - 1));
  t.diagnostic(`${mean.toFixed(4)} for ${plain.toFixed(4)}, deviation of a draw ${deviation.toFixed(3)}`);
  assert.ok(deviation > 0.1);
  assert.ok(Math.abs(mean - plain) < (4 * deviation) / Math.sqrt(draws.length));
});

test('Child-Tuning F keeps elements of the encoder’s gradients with the probability, and divides by it', async (t) => {
  const tiny = await openTiny(t);
  const reserve = 0.3;
  const clipNorm = 0.2;
  for (const [stepOffset, anchored] of [
    [0, isBody],
    [70_001, () => true],
    [3, (name: string) => !name.includes('layer.1.')],
  ] as const) {
    const plain = await stepOf(tiny, {}, { stepOffset });
    const transforms: NativeTransform[] = [{ kind: 'child-f', probability: reserve }];
    const child = await stepOf(
      tiny,
      { transforms, anchored: anchoredBody(tiny.session, anchored) },
      { stepOffset, clipNorm },
    );
    const moments = await take(tiny.session, 'exp_avg');
    assert.equal(child.norm, plain.norm, 'the norm is that before the mask');
    assert.ok(plain.norm > 2 * clipNorm);
    const expected: Values = new Map();
    for (const [tensor, g] of plain.gradients) {
      const draw = { seed, step: stepOffset, site: sites.child, tensor, probability: 1 - reserve };
      const keep = isEncoder(tensor) && anchored(tensor) ? keepFactors(draw, g.length) : undefined;
      expected.set(tensor, keep ? g.map((value, i) => value * keep[i]!) : g);
      const moved = expected.get(tensor)!.map((value) => (0.1 * value * clipNorm) / plain.norm);
      assertNear(tensor, moments.get(tensor)!, moved, { relative: 1e-5, absolute: 1e-9 });
    }
    // Signs of zero aside: 0 x -g is -0.
    assertSame('gradients', positive(child.gradients), positive(expected));
  }
});

const positive = (values: Values): Values => new Map([...values].map(([name, v]) => [name, v.map((x) => x + 0)]));

/** Gradients of which only the top share of the encoder's Fisher diagonal is left; equals of the last one stay too. */
function topOnly(
  gradients: Values,
  fisher: Values,
  probability: number,
  anchored: (name: string) => boolean,
): [Values, number] {
  const masked = (name: string) => isEncoder(name) && anchored(name);
  const all = [...fisher].flatMap(([name, f]) => (masked(name) ? [...f] : [])).sort((a, b) => b - a);
  const least = all[Math.round(probability * all.length) - 1]!;
  const kept = all.filter((f) => f >= least).length;
  const values: Values = new Map(
    [...gradients].map(([name, g]) => [
      name,
      masked(name) ? g.map((v, i) => (fisher.get(name)![i]! >= least ? v : 0)) : g,
    ]),
  );
  return [values, kept / all.length];
}

test('Child-Tuning D keeps the top share of the encoder by the Fisher diagonal, with ties', async (t) => {
  const tiny = await openTiny(t);
  const { session, dataset } = tiny;
  const next = uniform(8);
  const tied: Values = new Map(
    [...randomValues(session, 3)].map(([name, v]) => [
      name,
      // Large outside the encoder, so that the share would be another one if it counted there.
      v.map(() => Math.floor(4 * next()) + (isEncoder(name) ? 0 : 100)),
    ]),
  );
  const rows = Int32Array.from({ length: rowCount }, (_, row) => row);
  const spec = { head: heads.three, dataset, rows, loss: 'cross-entropy', labels: 'data' } as const;
  const real = await session.fisher(spec);
  const plain = await stepOf(tiny);
  for (const [slot, probability, anchored, share] of [
    [real, 0.2, isBody, [0.2, 0.2]],
    [real, 0.9, (name: string) => !name.includes('layer.1.'), [0.9, 0.9]],
    [await slotOf(session, tied), 0.1, isBody, [0.23, 0.27]],
    [await slotOf(session, tied), 0.6, () => true, [0.73, 0.77]],
  ] as const) {
    const [expected, kept] = topOnly(plain.gradients, await take(session, 'slot', 0, slot), probability, anchored);
    assert.ok(kept >= share[0] - 1e-3 && kept <= share[1] + 1e-3, `kept ${kept}`);
    const transforms: NativeTransform[] = [{ kind: 'child-d', fisher: slot, probability }];
    const child = await stepOf(tiny, { transforms, anchored: anchoredBody(session, anchored) });
    assertSame('gradients', positive(child.gradients), positive(expected));
    assert.equal(child.norm, plain.norm);
  }
});
