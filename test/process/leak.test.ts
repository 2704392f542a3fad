// Sessions give their memory back: when closed, and when forgotten.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { loadNative } from '../../lib/native/load.ts';
import { collectGarbage } from '../helpers/gc.ts';
import { tinyData, tinyModel, tinyPlan, tinySegment, tinySession, tinySpec } from '../helpers/native.ts';

const MiB = 2 ** 20;
// Weights of 5 MiB; with moments and gradients four times that.
const model = { ...tinyModel, vocab: 20_000, hidden: 64 };

async function use(close: boolean) {
  const session = new (loadNative().Session)({ ...tinySpec, model });
  const dataset = session.addDataset(tinyData());
  session.setPlan(tinyPlan(session, 1e-4));
  await session.train(tinySegment(dataset, 2), () => {}); // from weights of zero
  await session.snapshot('all');
  if (close) session.closeSync();
}

async function growth(sessions: number, close: boolean): Promise<number> {
  for (let i = 0; i < 20; i++) await use(close);
  collectGarbage();
  const before = process.memoryUsage().rss;
  for (let i = 0; i < sessions; i++) await use(close);
  return process.memoryUsage().rss - before;
}

test('closed sessions leave no memory behind', async () => {
  const grown = await growth(100, true);
  assert(grown < 100 * MiB, `grew by ${Math.round(grown / MiB)} MiB over 100 sessions of at least 5 MiB`);
});

// V8 is told of the native bytes, so it collects forgotten sessions by itself before they pile up.
test('forgotten sessions are collected', async () => {
  const grown = await growth(200, false);
  assert(grown < 500 * MiB, `grew by ${Math.round(grown / MiB)} MiB over 200 sessions of at least 5 MiB`);
});

test('a session that only its promise refers to is not collected while it works', async () => {
  let steps = 0;
  const done = (async () => {
    const { session, dataset } = await tinySession();
    return session.train(tinySegment(dataset, 400), (event) => {
      steps = event.step;
    });
  })();
  let settled = false;
  void done.then(() => {
    settled = true;
  });
  while (!settled) {
    collectGarbage();
    await turn();
  }
  assert.equal((await done).steps, 400);
  assert(steps > 0);
});

test('sessions collected by the garbage collector while another session computes', async () => {
  const { session, dataset } = await tinySession();
  const collected = Promise.withResolvers<void>();
  const registry = new FinalizationRegistry(() => collected.resolve());
  const result = session.train(tinySegment(dataset, 100_000), () => {});
  (() => {
    // Made and forgotten while the compute thread is busy.
    registry.register(new (loadNative().Session)({ ...tinySpec, model }), 0);
  })();
  const poll = setInterval(collectGarbage, 10);
  await collected.promise;
  clearInterval(poll);
  session.requestStop();
  assert.equal((await result).stopped, true);
  session.closeSync();
});
