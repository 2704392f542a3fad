// Wrong penalties, transforms, anchors, teachers, operands: refused with the field's name before anything is done.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { NativeSession } from '../../lib/native/boundary.ts';
import { tinyData, tinyPlan, tinySegment, tinySession } from '../helpers/native.ts';
import { refuses } from '../helpers/refuses.ts';

let session: NativeSession;
let dataset: number;
before(async () => {
  ({ session, dataset } = await tinySession());
});
after(() => session.closeSync());

test('penalties', async () => {
  const anchor = await session.snapshot('weights');
  const fisher = await session.fisher({
    head: 0,
    dataset,
    rows: Int32Array.of(0),
    loss: 'cross-entropy',
    labels: 'data',
  });
  const right = tinyPlan(session);
  const penalty = (change: object) => ({
    penalties: [{ kind: 'l2-sp', anchor, strength: 1, headStrength: 1, ...change }],
  });
  const ewc = (change: object) => penalty({ kind: 'ewc', fisher, ...change });
  const recadam = (change: object) => penalty({ kind: 'recadam', slope: 1, midpoint: 1, ...change });
  const none = { kind: 'none' };
  await refuses(
    right,
    [
      [/^plan\.penalties: expected an array, received an object/, { penalties: none }],
      [/^plan\.penalties: expected one for each replica, received none/, { penalties: [] }],
      [/^plan\.penalties: expected 1 numbers \(one for each replica\), received 2/, { penalties: [none, none] }],
      [/^plan\.penalties\[0\]: expected an object, received null/, { penalties: [null] }],
      [
        /^plan\.penalties\[0\]\.kind: expected one of 'none', 'l2-sp', 'ewc', 'recadam', received 'l1'/,
        penalty({ kind: 'l1' }),
      ],
      [/^plan\.penalties\[0\]\.anchor: there is no slot 999/, penalty({ anchor: 999 })],
      [/^plan\.penalties\[0\]\.anchor: .*received -1/, penalty({ anchor: -1 })],
      [/^plan\.penalties\[0\]\.anchor: .*received nothing/, recadam({ anchor: undefined })],
      [/^plan\.penalties\[0\]\.strength: .*received -1/, penalty({ strength: -1 })],
      [/^plan\.penalties\[0\]\.strength: .*received NaN/, ewc({ strength: Number.NaN })],
      [/^plan\.penalties\[0\]\.strength: .*received Infinity/, recadam({ strength: Number.POSITIVE_INFINITY })],
      [/^plan\.penalties\[0\]\.headStrength: .*received nothing/, penalty({ headStrength: undefined })],
      [/^plan\.penalties\[0\]\.headStrength: .*received -2/, penalty({ headStrength: -2 })],
      [/^plan\.penalties\[0\]\.fisher: there is no slot 999/, ewc({ fisher: 999 })],
      [/^plan\.penalties\[0\]\.fisher: .*received nothing/, ewc({ fisher: undefined })],
      [/^plan\.penalties\[0\]\.slope: .*received -1/, recadam({ slope: -1 })],
      [/^plan\.penalties\[0\]\.slope: .*received nothing/, recadam({ slope: undefined })],
      [/^plan\.penalties\[0\]\.midpoint: .*received NaN/, recadam({ midpoint: Number.NaN })],
    ],
    (plan) => session.setPlan(plan),
  );
  for (const change of [
    penalty({}),
    ewc({}),
    recadam({ midpoint: -5 }),
    penalty({ strength: 0, headStrength: 0 }),
    { penalties: [none] },
  ])
    session.setPlan({ ...right, ...change } as never);
});

test('transforms and anchors', async () => {
  const anchor = await session.snapshot('weights');
  const right = tinyPlan(session);
  const parameters = right.groupOf.length;
  const mixout = (change: object) => ({ transforms: [{ kind: 'mixout', anchor, probability: 0.5, ...change }] });
  const childF = (probability: unknown) => ({ transforms: [{ kind: 'child-f', probability }] });
  const childD = (change: object) => ({
    transforms: [{ kind: 'child-d', fisher: anchor, probability: 0.5, ...change }],
  });
  const none = { kind: 'none' };
  await refuses(
    right,
    [
      [/^plan\.transforms: expected an array/, { transforms: 'mixout' }],
      [/^plan\.transforms: expected one for each replica, received none/, { transforms: [] }],
      [/^plan\.transforms: expected 1 numbers/, { transforms: [none, none] }],
      [
        /^plan\.transforms\[0\]\.kind: expected one of 'none', 'mixout', 'child-f', 'child-d'/,
        mixout({ kind: 'child' }),
      ],
      [/^plan\.transforms\[0\]\.anchor: there is no slot 999/, mixout({ anchor: 999 })],
      [/^plan\.transforms\[0\]\.anchor: .*received nothing/, mixout({ anchor: undefined })],
      [/^plan\.transforms\[0\]\.probability: .*received 1$/, mixout({ probability: 1 })],
      [/^plan\.transforms\[0\]\.probability: .*received -0\.1/, mixout({ probability: -0.1 })],
      [/^plan\.transforms\[0\]\.probability: .*received 0$/, childF(0)],
      [/^plan\.transforms\[0\]\.probability: .*received 1\.1/, childF(1.1)],
      [/^plan\.transforms\[0\]\.probability: .*received nothing/, childF(undefined)],
      [/^plan\.transforms\[0\]\.probability: .*received NaN/, childD({ probability: Number.NaN })],
      [/^plan\.transforms\[0\]\.fisher: there is no slot 999/, childD({ fisher: 999 })],
      [/^plan\.transforms\[0\]\.fisher: .*received nothing/, childD({ fisher: undefined })],
      [/^plan\.anchored: expected a Uint8Array, received an Int32Array/, { anchored: new Int32Array(parameters) }],
      [
        /^plan\.anchored: expected \d+ numbers \(one for each parameter\)/,
        { anchored: new Uint8Array(parameters - 1) },
      ],
      [/^plan\.anchored: expected one for each parameter, received none/, { anchored: new Uint8Array(0) }],
    ],
    (plan) => session.setPlan(plan),
  );
  for (const change of [mixout({ probability: 0 }), childF(1), childD({ probability: 1 }), { transforms: [none] }])
    session.setPlan({ ...right, ...change } as never);
});

test('distillation', async () => {
  session.setPlan(tinyPlan(session));
  const right = tinySegment(dataset, 3);
  const targets = new Float32Array(16);
  const part = (change: object) => ({ parts: [{ head: 0, dataset, loss: 'distillation', targets, ...change }] });
  const plain = (change: object) => part({ loss: 'cross-entropy', targets: undefined, ...change });
  await refuses(
    right,
    [
      [/^segment\.parts\[0\]\.targets: expected a Float32Array, received nothing/, part({ targets: undefined })],
      [
        /^segment\.parts\[0\]\.targets: expected a Float32Array, received a Float64Array/,
        part({ targets: new Float64Array(16) }),
      ],
      [
        /^segment\.parts\[0\]\.targets: expected 16 numbers \(replicas x rows x outputs\), received 8/,
        part({ targets: new Float32Array(8) }),
      ],
      [/^segment\.parts\[0\]\.targets: expected 8 numbers/, part({ head: 1 })],
      [/^segment\.parts\[0\]\.targets\[5\]: expected a finite number/, part({ targets: targets.with(5, Number.NaN) })],
      [/^segment\.parts\[0\]\.targets\[15\]: /, part({ targets: targets.with(15, Number.NEGATIVE_INFINITY) })],
      [/^segment\.parts\[0\]\.targets: goes with/, plain({ targets })],
      [/^segment\.parts\[0\]\.temperature: goes with/, plain({ temperature: 2 })],
      [/^segment\.parts\[0\]\.temperature: .*received 0$/, part({ temperature: 0 })],
      [/^segment\.parts\[0\]\.temperature: .*received NaN/, part({ temperature: Number.NaN })],
      [/^segment\.parts\[0\]\.temperature: .*received 1001/, part({ temperature: 1001 })],
      [/^segment\.parts\[0\]\.labelSmoothing: goes with/, part({ labelSmoothing: 0.1 })],
      [/^segment\.parts\[0\]\.loss: does not go with the kind of head 'words'/, part({ head: 2 })],
      [/^segment\.stageOffset: .*received -1/, { stageOffset: -1 }],
      [/^segment\.stageOffset: .*received 1\.5/, { stageOffset: 1.5 }],
    ],
    (segment) => session.train(segment, () => {}),
  );
  // The teacher stands in for the label.
  const unlabelled = session.addDataset({ ...tinyData(8), labels: new Float32Array(8).fill(Number.NaN) });
  assert.equal((await session.train({ ...right, ...part({ dataset: unlabelled }) } as never, () => {})).steps, 3);
  // Evaluation, Fisher information and gradients are given no teacher.
  const measured = { head: 0, dataset, rows: Int32Array.of(0, 1), loss: 'distillation', targets, batchTokens: 64 };
  const loss = { code: 'ERR_INVALID_OPTION', message: /\.loss: expected one of/ };
  await assert.rejects(session.evaluate({ ...measured, want: 'losses' } as never), loss);
  await assert.rejects(session.fisher({ ...measured, labels: 'data' } as never), loss);
  await assert.rejects(session.gradient(measured as never), loss);
});

test('targets are counted for every replica', async () => {
  const { session: two, dataset: rows } = await tinySession({ replicas: 2 });
  const distilled = (targets: number) =>
    two.train(
      {
        ...tinySegment(rows, 1, 2),
        parts: [{ head: 0, dataset: rows, loss: 'distillation', targets: new Float32Array(targets) }],
      },
      () => {},
    );
  await assert.rejects(distilled(16), { code: 'ERR_INVALID_OPTION', message: /\.targets: expected 32 numbers/ });
  assert.equal((await distilled(32)).steps, 1);
  two.closeSync();
});

test('operands and slots of compare and load', async () => {
  const slot = await session.snapshot('weights');
  const weights = { buffer: 'weights' };
  const operands: [RegExp, unknown, unknown][] = [
    [/^a: expected an object, received nothing/, undefined, weights],
    [/^b: expected an object, received 'weights'/, weights, 'weights'],
    [
      /^a\.buffer: expected one of 'weights', 'exp_avg', 'exp_avg_sq', 'slot', received 'gradients'/,
      { buffer: 'gradients' },
      weights,
    ],
    [/^b\.slot: expected an integer .*received nothing/, weights, { buffer: 'slot' }],
    [/^a\.slot: there is no slot 999/, { buffer: 'slot', slot: 999 }, weights],
  ];
  for (const [message, a, b] of operands)
    await assert.rejects(session.compare(a as never, b as never), { code: 'ERR_INVALID_OPTION', message });
  session.release(slot);
  await assert.rejects(session.compare(weights as never, { buffer: 'slot', slot }), {
    code: 'ERR_INVALID_OPTION',
    message: /^b\.slot/,
  });
  await refuses(
    { path: '/nonexistent/file', offset: 0, dtype: 'F32', buffer: 'slot', slot, parameter: 0, replica: -1 },
    [
      [/^tensors\[0\]\.slot: there is no slot/, {}],
      [/^tensors\[0\]\.slot: expected an integer .*received nothing/, { slot: undefined }],
    ],
    (tensor) => session.load([tensor]),
  );
});
