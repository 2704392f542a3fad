// The rules of a session: one call at a time, what stop and close do, in which order events and results come.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NativeSession } from '../../lib/native/boundary.ts';
import { loadNative } from '../../lib/native/load.ts';
import {
  endless,
  tinyData,
  tinyModel,
  tinyPlan,
  tinySegment,
  tinySession,
  tinySpec,
  trainEndlessly,
} from '../helpers/native.ts';

const none = new Int32Array(0);
const evaluation = (dataset: number) => ({ head: 0, dataset, want: 'logits', batchTokens: 64 }) as const;

/** Every method but requestStop and closeSync, called with arguments that are right for an idle session. */
function everyCall(session: NativeSession, dataset: number): [string, () => unknown][] {
  const source = { buffer: 'weights', parameter: 0, replica: 0 } as const;
  return [
    ['parameters', () => session.parameters()],
    ['matmul', () => session.matmul()],
    ['replicas', () => session.replicas()],
    ['memory', () => session.memory()],
    ['addHead', () => session.addHead({ ...tinySpec.heads[0], name: 'another' })],
    ['addDataset', () => session.addDataset(tinyData())],
    ['removeDataset', () => session.removeDataset(dataset)],
    ['load', () => session.load([])],
    ['initialize', () => session.initialize(none, 0.02, 1)],
    [
      'setPlan',
      () => session.setPlan({ ...tinyPlan({ replicas: () => 1, parameters: () => [] } as unknown as NativeSession) }),
    ],
    ['train', () => session.train(tinySegment(dataset, 1), () => {})],
    ['evaluate', () => session.evaluate(evaluation(dataset))],
    [
      'fisher',
      () => session.fisher({ head: 0, dataset, rows: Int32Array.of(0), loss: 'cross-entropy', labels: 'data' }),
    ],
    [
      'gradient',
      () => session.gradient({ head: 0, dataset, rows: Int32Array.of(0), loss: 'cross-entropy', batchTokens: 64 }),
    ],
    ['compare', () => session.compare({ buffer: 'weights' }, { buffer: 'weights' })],
    ['setReplicas', () => session.setReplicas(Int32Array.of(0))],
    ['snapshot', () => session.snapshot('all')],
    ['restore', () => session.restore(0)],
    ['release', () => session.release(0)],
    ['read', () => session.read(source)],
    ['write', () => session.write('/nonexistent/file', '{}', [source])],
  ];
}

const synchronous = new Set([
  'parameters',
  'matmul',
  'replicas',
  'memory',
  'addDataset',
  'removeDataset',
  'setPlan',
  'release',
]);

async function assertAllRefuse(session: NativeSession, dataset: number, code: string) {
  for (const [name, call] of everyCall(session, dataset)) {
    const check = (error: unknown) => {
      assert.equal((error as { code?: string }).code, code, `${name}: ${error}`);
      return true;
    };
    if (synchronous.has(name)) assert.throws(call, check);
    else await assert.rejects(async () => call(), check);
  }
}

test('a second call is refused while one is running, and the first is not disturbed', async () => {
  const { session, dataset } = await tinySession();
  const { running, result } = trainEndlessly(session, dataset);
  await assertAllRefuse(session, dataset, 'ERR_BUSY');
  await running;
  await assertAllRefuse(session, dataset, 'ERR_BUSY');
  session.requestStop();
  assert.equal((await result).stopped, true);
  assert.equal((await session.train(tinySegment(dataset, 2), () => {})).steps, 2);
  session.closeSync();
});

test('after closeSync every call is refused; closeSync and requestStop stay harmless', async () => {
  const { session, dataset } = await tinySession();
  session.closeSync();
  await assertAllRefuse(session, dataset, 'ERR_DISPOSED');
  session.closeSync();
  session.requestStop();
});

test('closeSync while training rejects the pending promise, with the stack of its caller', async () => {
  const { session, dataset } = await tinySession();
  const { running, result } = trainEndlessly(session, dataset);
  await running;
  session.closeSync();
  await assert.rejects(result, (error: Error & { code?: string }) => {
    assert.equal(error.code, 'ERR_DISPOSED');
    assert.match(error.stack!, new RegExp(`^Error: ${error.message}\\n.*trainEndlessly`, 's'));
    return true;
  });
});

test('closeSync inside an event callback', async () => {
  const { session, dataset } = await tinySession();
  const result = session.train(tinySegment(dataset, endless), () => session.closeSync());
  await assert.rejects(result, { code: 'ERR_DISPOSED' });
});

test('requestStop ends training after a whole step; what was not done is NaN', async () => {
  const { session, dataset } = await tinySession();
  const { running, result } = trainEndlessly(session, dataset);
  await running;
  session.requestStop();
  const { steps, stopped, losses, gradNorms } = await result;
  assert.equal(stopped, true);
  assert(steps >= 1 && steps < endless);
  assert.equal(losses.length, endless);
  assert(Number.isFinite(losses[steps - 1]) && Number.isNaN(losses[steps]) && Number.isNaN(losses[endless - 1]));
  assert(Number.isNaN(gradNorms[steps]));
  session.closeSync();
});

test('requestStop on an idle session does not touch the next job', async () => {
  const { session, dataset } = await tinySession();
  session.requestStop();
  assert.equal((await session.train(tinySegment(dataset, 3), () => {})).steps, 3);
  session.closeSync();
});

test('jobs that wait behind another session end as stopped too', async () => {
  const first = await tinySession();
  const second = await tinySession();
  const third = await tinySession();
  const long = trainEndlessly(first.session, first.dataset);
  const waiting = second.session.train(tinySegment(second.dataset, 5, 1), () => assert.fail('no step was to be done'));
  const alsoWaiting = third.session.evaluate(evaluation(third.dataset));
  const refused = assert.rejects(alsoWaiting, { code: 'ERR_STOPPED' });
  await long.running;
  second.session.requestStop();
  third.session.requestStop();
  first.session.requestStop();
  await long.result;
  const result = await waiting;
  assert.deepEqual([result.steps, result.stopped], [0, true]);
  assert(result.losses.every(Number.isNaN) && result.losses.length === 5);
  await refused;
  for (const { session } of [first, second, third]) session.closeSync();
});

test('closeSync of a waiting session does not wait for the running one', async () => {
  const first = await tinySession();
  const second = await tinySession();
  const long = trainEndlessly(first.session, first.dataset);
  await long.running;
  const waiting = assert.rejects(second.session.evaluate(evaluation(second.dataset)), { code: 'ERR_DISPOSED' });
  second.session.closeSync();
  await waiting;
  first.session.requestStop();
  assert.equal((await long.result).stopped, true);
  first.session.closeSync();
});

test('two sessions at once both finish', async () => {
  const sessions = [await tinySession(), await tinySession()];
  const results = await Promise.all(
    sessions.map(({ session, dataset }) => session.train(tinySegment(dataset, 20), () => {})),
  );
  assert.deepEqual(
    results.map(({ steps }) => steps),
    [20, 20],
  );
  for (const { session } of sessions) session.closeSync();
});

test('events come in order, not more often than reportMs, and before the result', async () => {
  const { session, dataset } = await tinySession();
  const reportMs = 40;
  const times: number[] = [];
  const steps: number[] = [];
  let settled = false;
  const { promise: enough, resolve } = Promise.withResolvers<void>();
  const result = session.train({ ...tinySegment(dataset, endless), reportMs }, (event) => {
    assert.equal(settled, false);
    times.push(performance.now());
    steps.push(event.step);
    if (times.length === 5) resolve();
  });
  void result.then(() => {
    settled = true;
  });
  await enough;
  session.requestStop();
  const { steps: done } = await result;
  for (let i = 1; i < times.length; i++) {
    assert(times[i]! - times[i - 1]! > reportMs - 5, `event ${i} came after ${times[i]! - times[i - 1]!} ms`);
    assert(steps[i]! > steps[i - 1]!);
  }
  assert(steps.at(-1)! <= done);
  session.closeSync();
});

test('a model that does not fit in memory', async () => {
  const model = { ...tinyModel, vocab: 2 ** 22, hidden: 2 ** 16 }; // 1 TiB of word embeddings
  const session = new (loadNative().Session)({ ...tinySpec, model });
  await assert.rejects(session.initialize(Int32Array.of(0), 0.02, 1), { code: 'ERR_OUT_OF_MEMORY' });
  session.closeSync();
});
