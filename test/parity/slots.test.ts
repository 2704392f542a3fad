// Slots through forks, drops and new heads, restoring, and resuming with penalties.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { NativePenalty, NativeSession, NativeSource } from '../../lib/native/boundary.ts';
import { assertNear, assertSame, withPull } from './helpers/pulls.ts';
import {
  anchoredBody,
  heads,
  isBody,
  openTiny,
  planOf,
  put,
  randomValues,
  severalBatches,
  slotOf,
  stepOf,
  take,
  type Tiny,
  train,
  type Values,
} from './helpers/tiny.ts';

const trained = (name: string) => isBody(name) || name.startsWith('classifier.three.');

/** The gradients of L2-SP in the last replica are those by formula with this anchor. */
async function pullsTowards(tiny: Tiny, slot: number, anchor: Values): Promise<void> {
  const { session } = tiny;
  const last = session.replicas() - 1;
  const penalty: NativePenalty = { kind: 'l2-sp', anchor: slot, strength: 2, headStrength: 0 };
  const anchored = anchoredBody(session);
  const plain = await stepOf(tiny);
  const penalized = await stepOf(tiny, { anchored, penalties: Array.from({ length: last + 1 }, () => penalty) });
  const weights = await take(session, 'weights', last);
  const names = [...anchor.keys()].filter(trained);
  for (const [name, g] of withPull(plain.gradients, names, { penalty, weights, anchor, anchored: isBody }))
    assertNear(name, penalized.gradients.get(name)!, g, { relative: 1e-6, absolute: 1e-6 });
}

/** Replicas with weights of their own, and a slot of their gradients. */
async function withGradients(t: TestContext, replicas: number): Promise<{ tiny: Tiny; slot: number; rows: Values[] }> {
  const tiny = await openTiny(t, { replicas });
  for (let replica = 0; replica < replicas; replica++)
    await put(tiny.session, randomValues(tiny.session, 20 + replica), { buffer: 'weights', replica });
  const spec = { head: heads.three, dataset: tiny.dataset, loss: 'cross-entropy', batchTokens: 99 } as const;
  const slot = await tiny.session.gradient({ ...spec, rows: Int32Array.of(0, 1, 2) });
  const rows: Values[] = [];
  for (let replica = 0; replica < replicas; replica++) rows.push(await take(tiny.session, 'slot', replica, slot));
  assert.notDeepEqual(rows[0], rows[1]);
  return { tiny, slot, rows };
}

test('a slot made with one replica serves all that come from it', async (t) => {
  const tiny = await openTiny(t);
  const { session } = tiny;
  const anchor = randomValues(session, 9);
  const slot = await slotOf(session, anchor);
  for (const order of [[0, 0, 0], [2, 0], [1], [0, 0]]) {
    await session.setReplicas(Int32Array.from(order));
    for (const replica of order.keys()) assertSame('slot', await take(session, 'slot', replica, slot), anchor);
    await pullsTowards(tiny, slot, anchor);
  }
  // It is still one row: to load one replica's is to load all.
  const other = randomValues(session, 10);
  await put(session, other, { buffer: 'slot', slot, replica: 1 });
  assertSame('slot', await take(session, 'slot', 0, slot), other);
});

test('a slot of several replicas follows them when they are dropped, moved and forked', async (t) => {
  const { tiny, slot, rows } = await withGradients(t, 3);
  const { session } = tiny;
  await session.setReplicas(Int32Array.of(2, 0));
  for (const [replica, from] of [2, 0].entries())
    assertSame('slot', await take(session, 'slot', replica, slot), rows[from]!);
  await pullsTowards(tiny, slot, rows[0]!);
  await session.setReplicas(Int32Array.of(1, 1, 0));
  for (const [replica, from] of [0, 0, 2].entries())
    assertSame('slot', await take(session, 'slot', replica, slot), rows[from]!);
  await pullsTowards(tiny, slot, rows[2]!);
  const other = randomValues(session, 10);
  await put(session, other, { buffer: 'slot', slot, replica: 1 });
  for (const [replica, values] of [rows[0]!, other, rows[2]!].entries())
    assertSame('slot', await take(session, 'slot', replica, slot), values);
});

test('a new head keeps slots, with zeros for its own tensors, and snapshots that can be restored', async (t) => {
  const { tiny, slot, rows } = await withGradients(t, 2);
  const { session } = tiny;
  session.setPlan(planOf(session, { rates: Float64Array.of(0.01, 0.02) }));
  await train(tiny, { batches: severalBatches(2), factor: 1 });
  const snapshot = await session.snapshot('all');
  const before = await everything(session);
  await session.addHead({ name: 'late', kind: 'classification', outputs: 2000, pool: 'pooler', dropout: 0 });
  const zeros: [string, Float32Array][] = [
    ['classifier.late.weight', new Float32Array(2000 * 16)],
    ['classifier.late.bias', new Float32Array(2000)],
  ];
  for (const replica of [0, 1])
    assertSame('slot', await take(session, 'slot', replica, slot), new Map([...rows[replica]!, ...zeros]));
  // The last step had no gradients of the new head.
  assertSame('gradients', new Map([...(await take(session, 'gradients'))].slice(-2)), new Map(zeros));
  await pullsTowards(tiny, slot, rows[1]!);
  await put(session, randomValues(session, 40));
  await session.restore(snapshot);
  for (const [what, values] of await everything(session)) {
    const old = new Map([...values].filter(([name]) => !name.includes('late')));
    assertSame(what, old, before.get(what)!);
    for (const [name, fresh] of values)
      if (!old.has(name))
        assert.ok(
          fresh.every((value) => value === 0),
          `${what}: ${name}`,
        );
  }
});

/** Weights, moments, counts and touched rows of every replica. */
async function everything(session: NativeSession): Promise<Map<string, Values>> {
  const found = new Map<string, Values>();
  for (let replica = 0; replica < session.replicas(); replica++) {
    for (const buffer of ['weights', 'exp_avg', 'exp_avg_sq', 'steps'] as const)
      found.set(`${buffer} of replica ${replica}`, await take(session, buffer, replica));
    const touched = await session.read({ buffer: 'touched', parameter: 0, replica });
    found.set(`touched rows of replica ${replica}`, new Map([['touched', touched]]));
  }
  return found;
}

test('a snapshot of one replica restores every fork of it, which then goes on as the original did', async (t) => {
  const tiny = await openTiny(t);
  const { session } = tiny;
  const anchor = await slotOf(session, randomValues(session, 1));
  const plan = () => {
    const replicas = session.replicas();
    const penalty: NativePenalty = { kind: 'l2-sp', anchor, strength: 0.5, headStrength: 0.1 };
    session.setPlan(
      planOf(session, {
        rates: new Float64Array(replicas).fill(0.01),
        penalties: Array.from({ length: replicas }, () => penalty),
        anchored: anchoredBody(session),
        moments: 'keep',
      }),
    );
  };
  const batches = severalBatches(6);
  plan();
  await train(tiny, { batches: batches.slice(0, 3), factor: 1 });
  const snapshot = await session.snapshot('all');
  const middle = await everything(session);
  await train(tiny, { batches: batches.slice(3), factor: 1, stepOffset: 3 });
  const end = await everything(session);

  await session.setReplicas(Int32Array.of(0, 0));
  plan();
  await train(tiny, { batches: batches.slice(2, 4), factor: 1, stepOffset: 50 });
  await session.restore(snapshot);
  await sameInEvery(middle);
  plan();
  await train(tiny, { batches: batches.slice(3), factor: 1, stepOffset: 3 });
  await sameInEvery(end);

  async function sameInEvery(one: Map<string, Values>): Promise<void> {
    for (const [what, values] of await everything(session))
      assertSame(what, values, one.get(what.replace('replica 1', 'replica 0'))!);
  }
});

const penalties: readonly NativePenalty[] = [
  { kind: 'l2-sp', anchor: 0, strength: 0.5, headStrength: 0.1 },
  { kind: 'ewc', anchor: 0, fisher: 1, strength: 2 },
  { kind: 'recadam', anchor: 0, strength: 40, slope: 0.5, midpoint: 3 },
];

/** Writes everything an exact resume needs and reads it into another session, which has no anchor yet. */
async function carried(from: NativeSession, to: NativeSession): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'lrdist-slots-'));
  try {
    const path = join(folder, 'state');
    const header = '{}      ';
    const sources: (NativeSource & { bytes: number; dtype: 'F32' | 'I64' | 'U8' })[] = [];
    for (const [parameter, { shape }] of from.parameters().entries()) {
      const floats = 4 * shape.reduce((a, b) => a * b, 1);
      for (const buffer of ['weights', 'exp_avg', 'exp_avg_sq'] as const)
        sources.push({ buffer, parameter, replica: 0, bytes: floats, dtype: 'F32' });
      for (const slot of [0, 1])
        sources.push({ buffer: 'slot', slot, parameter, replica: 0, bytes: floats, dtype: 'F32' });
      sources.push({ buffer: 'steps', parameter, replica: 0, bytes: 8, dtype: 'I64' });
    }
    sources.push({ buffer: 'touched', parameter: 0, replica: 0, bytes: from.parameters()[0]!.shape[0]!, dtype: 'U8' });
    await from.write(path, header, sources);
    for (const slot of [0, 1]) assert.equal(await to.snapshot('weights'), slot);
    let offset = 8 + header.length;
    await to.load(
      sources.map(({ bytes, ...source }) => {
        const tensor = { path, offset, ...source };
        offset += bytes;
        return tensor;
      }),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

for (const penalty of penalties) {
  for (const anchor of ['start', 'elsewhere'] as const) {
    for (const decay of [0, 0.05]) {
      test(`${penalty.kind} from ${anchor === 'start' ? 'the anchor' : 'elsewhere'}, decay ${decay}: a resumed run is the whole run, bit for bit`, async (t) => {
        const tiny = await openTiny(t);
        const start = async ({ session }: Tiny) => {
          assert.equal(await slotOf(session, randomValues(session, anchor === 'start' ? 1 : 9)), 0);
          assert.equal(await slotOf(session, randomValues(session, 31, 0, 2)), 1);
        };
        const plan = ({ session }: Tiny, moments: 'fresh' | 'keep') => {
          const settings = {
            rates: Float64Array.of(0.01),
            decay: Float64Array.of(decay),
            anchored: anchoredBody(session),
          };
          session.setPlan(planOf(session, { ...settings, penalties: [penalty], moments }));
        };
        const batches = severalBatches(6);
        await start(tiny);
        plan(tiny, 'fresh');
        await train(tiny, { batches: batches.slice(0, 2), factor: 1 });
        const resumed = await openTiny(t, {}, randomValues(tiny.session, 77));
        await carried(tiny.session, resumed.session);
        const touched = await resumed.session.read({ buffer: 'touched', parameter: 0, replica: 0 });
        // Nothing moves a word that no text had from its anchor but decay; RecAdam's pull needs no moments beside decay.
        const untouched = decay === 0 ? anchor === 'start' : penalty.kind === 'recadam';
        assert.equal(touched.includes(0), untouched);
        plan(resumed, 'keep');
        for (const one of [tiny, resumed]) await train(one, { batches: batches.slice(2), factor: 1, stepOffset: 2 });
        const expected = await everything(tiny.session);
        for (const [what, values] of await everything(resumed.session)) assertSame(what, values, expected.get(what)!);

        const whole = await openTiny(t);
        await start(whole);
        plan(whole, 'fresh');
        await train(whole, { batches, factor: 1 });
        for (const [what, values] of await everything(whole.session)) assertSame(what, values, expected.get(what)!);
      });
    }
  }
}

test('a slot released after setPlan stops training before its first step, and the session goes on', async (t) => {
  for (const [penalty, transform] of [
    [penalties[0]!, { kind: 'none' }],
    [penalties[1]!, { kind: 'none' }],
    [penalties[2]!, { kind: 'none' }],
    [{ kind: 'none' }, { kind: 'mixout', anchor: 1, probability: 0.5 }],
    [{ kind: 'none' }, { kind: 'child-d', fisher: 1, probability: 0.5 }],
  ] as const) {
    const tiny = await openTiny(t);
    const { session } = tiny;
    for (const slot of [0, 1]) assert.equal(await slotOf(session, randomValues(session, 9)), slot);
    // With the word embeddings frozen the penalty first meets its slot inside a step.
    const groupOf = new Int32Array(session.parameters().length).with(0, -1);
    session.setPlan(planOf(session, { groupOf, penalties: [penalty], transforms: [transform] }));
    await train(tiny);
    const before = await everything(session);
    for (const slot of [0, 1]) session.release(slot);
    await assert.rejects(train(tiny, { factor: 1 }), { code: 'ERR_INVALID_OPTION', message: /there is no slot/ });
    for (const [what, values] of await everything(session)) assertSame(what, values, before.get(what)!);
    session.setPlan(planOf(session, { moments: 'keep' }));
    assert.equal((await train(tiny, { batches: severalBatches(3), factor: 1 })).steps, 3);
  }
});
