// Arguments of any shape: the addon answers with a value or with an error that has a code, and the process lives.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { NativeSession } from '../../lib/native/boundary.ts';
import { loadNative } from '../../lib/native/load.ts';
import { tinyData, tinyPlan, tinySegment, tinySession, tinySpec } from '../helpers/native.ts';

const runs = 300;
const small = fc.oneof(fc.integer({ min: -3, max: 60 }), fc.double(), fc.integer());
const anything = fc.oneof(
  fc.anything({
    withBigInt: true,
    withTypedArray: true,
    withSparseArray: true,
    withDate: true,
    withNullPrototype: true,
  }),
  fc.anything({ withTypedArray: true, maxDepth: 0 }),
  small,
  fc.constantFrom(undefined, null, '', Symbol('s'), () => {}, new Proxy([], {}), new Int32Array(0), Number.NaN),
);
const int32s = fc.array(fc.integer({ min: -2, max: 70 }), { maxLength: 12 }).map((list) => Int32Array.from(list));
const float64s = fc.array(fc.double(), { maxLength: 12 }).map((list) => Float64Array.from(list));
const float32s = fc.array(fc.float(), { maxLength: 12 }).map((list) => Float32Array.from(list));
const bytes = fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 12 }).map((list) => Uint8Array.from(list));
const value = fc.oneof(anything, int32s, float64s, float32s, bytes);

/** `right` with up to three of its fields, at any depth, replaced by anything. */
function spoiled(right: object): fc.Arbitrary<unknown> {
  const paths: string[][] = [];
  const walk = (node: unknown, path: string[]) => {
    if (path.length > 0) paths.push(path);
    if (typeof node === 'object' && node !== null && !ArrayBuffer.isView(node)) {
      for (const [key, child] of Object.entries(node)) walk(child, [...path, key]);
    }
  };
  walk(right, []);
  return fc.array(fc.tuple(fc.constantFrom(...paths), value), { minLength: 1, maxLength: 3 }).map((changes) => {
    const copy = structuredClone(right);
    for (const [path, replacement] of changes) {
      let node = copy as Record<string, unknown>;
      for (const key of path.slice(0, -1)) {
        const next = node[key];
        if (typeof next !== 'object' || next === null || ArrayBuffer.isView(next)) return copy;
        node = next as Record<string, unknown>;
      }
      node[path.at(-1)!] = replacement;
    }
    return copy;
  });
}

async function survives(call: () => unknown) {
  try {
    await call();
  } catch (error) {
    assert.match(String((error as { code?: unknown }).code), /^ERR_[A-Z_]+$/, String(error));
  }
}

test('session specifications', async () => {
  const { Session } = loadNative();
  await fc.assert(
    fc.asyncProperty(fc.oneof(anything, spoiled(tinySpec)), (spec) =>
      survives(() => new Session(spec as never).closeSync()),
    ),
    { numRuns: runs },
  );
});

test('methods', async () => {
  const { session, dataset } = await tinySession();
  const slot = await session.snapshot('all');
  const lists = { order: Int32Array.of(0), seed: 1 };
  const masking = { probability: 0.5, maskId: 4, special: Int32Array.of(0) };
  const segment = tinySegment(dataset, 2);
  const targets = new Float32Array(16);
  const distillation = { head: 0, dataset, loss: 'distillation', targets, temperature: 2 };
  const penalties = [{ kind: 'recadam', anchor: slot, strength: 0.1, slope: 0.1, midpoint: 5 }];
  const gradient = { head: 0, dataset, rows: Int32Array.of(0, 1), loss: 'cross-entropy', batchTokens: 16 };
  const parts = [segment.parts[0], distillation, { head: 2, dataset, loss: 'masked-lm', masking }];
  const evaluation = {
    head: 0,
    dataset,
    rows: Int32Array.of(0, 1),
    want: 'losses',
    loss: 'cross-entropy',
    batchTokens: 16,
  };
  const fisher = { head: 0, dataset, rows: Int32Array.of(0, 1), loss: 'cross-entropy', labels: 'data' };
  const tensor = { path: '/nonexistent/file', offset: 0, dtype: 'F32', buffer: 'weights', parameter: 0, replica: -1 };
  const source = { buffer: 'slot', parameter: 0, replica: 0, slot };
  const calls: fc.Arbitrary<readonly [string, unknown[]]>[] = [
    spoiled(tinyData(2)).map((data) => ['addDataset', [data]] as const),
    spoiled({ ...tinyPlan(session), penalties, transforms: [{ kind: 'mixout', anchor: slot, probability: 0.5 }] }).map(
      (plan) => ['setPlan', [plan]] as const,
    ),
    spoiled({ ...segment, parts }).map((changed) => ['train', [changed, () => {}]] as const),
    spoiled(evaluation).map((changed) => ['evaluate', [changed]] as const),
    spoiled({ ...evaluation, head: 2, loss: 'masked-lm', masking }).map((changed) => ['evaluate', [changed]] as const),
    spoiled(fisher).map((changed) => ['fisher', [changed]] as const),
    spoiled(gradient).map((changed) => ['gradient', [changed]] as const),
    spoiled([{ buffer: 'slot', slot }, { buffer: 'weights' }]).map(
      (changed) => ['compare', changed as unknown[]] as const,
    ),
    spoiled([tensor]).map((changed) => ['load', [changed]] as const),
    spoiled(source).map((changed) => ['read', [changed]] as const),
    spoiled([source]).map((changed) => ['write', ['/nonexistent/folder/file', '{}', changed]] as const),
    spoiled(lists).map(
      (changed) => ['initialize', [(changed as typeof lists).order, 0.02, (changed as typeof lists).seed]] as const,
    ),
    fc.array(value, { maxLength: 3 }).chain((args) => {
      const methods = [
        'addDataset',
        'removeDataset',
        'load',
        'initialize',
        'setPlan',
        'train',
        'evaluate',
        'fisher',
        'gradient',
        'compare',
        'snapshot',
        'restore',
        'read',
        'startProfile',
        'takeProfile',
        'measurePeaks',
      ];
      return fc.constantFrom(...methods).map((name) => [name, args] as const);
    }),
  ];
  await fc.assert(
    fc.asyncProperty(fc.oneof(...calls), async ([name, args]) => {
      const before = tinyPlan(session);
      await survives(() =>
        (session as unknown as Record<string, (...args: unknown[]) => unknown>)[name]!(
          ...(Array.isArray(args) ? args : [args]),
        ),
      );
      session.setPlan(before);
    }),
    { numRuns: 4 * runs },
  );
  assert.equal((await session.train(segment, () => {})).steps, 2);
  session.closeSync();
});

test('sequences of plausible calls', async () => {
  const index = fc.integer({ min: 0, max: 5 });
  const rows = fc
    .array(fc.integer({ min: 0, max: 7 }), { minLength: 1, maxLength: 3 })
    .map((list) => Int32Array.from(list));
  const order = fc
    .array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 4 })
    .map((list) => Int32Array.from(list));
  const parameter = fc.integer({ min: 0, max: 60 });
  const replica = fc.integer({ min: 0, max: 3 });
  const buffer = fc.constantFrom('weights', 'exp_avg', 'exp_avg_sq', 'gradients', 'steps', 'touched', 'slot');
  const loss = fc.constantFrom('cross-entropy', 'mse');
  type Step = (session: NativeSession, dataset: number) => unknown;
  const step: fc.Arbitrary<Step> = fc.oneof(
    fc.integer({ min: 1, max: 3 }).map(
      (outputs): Step =>
        (s) =>
          s.addHead({ ...tinySpec.heads[0], name: `h${s.parameters().length}`, outputs }),
    ),
    order.map(
      (o): Step =>
        (s) =>
          s.setReplicas(o),
    ),
    fc.constantFrom('weights', 'all').map(
      (what): Step =>
        (s) =>
          s.snapshot(what),
    ),
    index.map(
      (slot): Step =>
        (s) =>
          s.restore(slot),
    ),
    index.map(
      (slot): Step =>
        (s) =>
          s.release(slot),
    ),
    fc.tuple(index, rows, loss).map(
      ([head, r, l]): Step =>
        (s, dataset) =>
          s.fisher({ head, dataset, rows: r, loss: l, labels: 'model' }),
    ),
    fc.tuple(index, rows, loss).map(
      ([head, r, l]): Step =>
        (s, dataset) =>
          s.gradient({ head, dataset, rows: r, loss: l, batchTokens: 6 }),
    ),
    fc.tuple(index, rows).map(
      ([head, r]): Step =>
        (s, dataset) =>
          s.evaluate({ head, dataset, rows: r, want: 'layers', batchTokens: 6 }),
    ),
    fc.tuple(buffer, parameter, replica, index).map(
      ([b, p, k, slot]): Step =>
        (s) =>
          s.read({ buffer: b, parameter: p, replica: k, slot }),
    ),
    fc.tuple(buffer, index, buffer, index).map(
      ([a, i, b, j]): Step =>
        (s) =>
          s.compare({ buffer: a as 'slot', slot: i }, { buffer: b as 'slot', slot: j }),
    ),
    fc
      .tuple(
        fc.constantFrom('none', 'l2-sp', 'ewc', 'recadam'),
        fc.constantFrom('none', 'mixout', 'child-f', 'child-d'),
        index,
        index,
      )
      .map(
        ([penalty, transform, anchor, fisher]): Step =>
          (s) =>
            s.setPlan({
              ...tinyPlan(s, 1e-3),
              penalties: Array(s.replicas()).fill({
                kind: penalty,
                anchor,
                fisher,
                strength: 0.1,
                headStrength: 0.1,
                slope: 1,
                midpoint: 2,
              }),
              transforms: Array(s.replicas()).fill({ kind: transform, anchor, fisher, probability: 0.5 }),
            }),
      ),
    index.map(
      (head): Step =>
        (s, dataset) => {
          const segment = tinySegment(dataset, 2, s.replicas());
          return s.train({ ...segment, parts: [{ ...segment.parts[0]!, head }] }, () => {});
        },
    ),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
      const { session, dataset } = await tinySession({ replicas: 2 });
      for (const call of steps) await survives(() => call(session, dataset));
      session.closeSync();
    }),
    { numRuns: runs / 3 },
  );
});
