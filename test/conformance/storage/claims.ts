import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Claim } from '../../../lib/search/storage/storage.ts';
import { type Kind, withStudy } from './kinds.ts';

const long = { worker: 'w', lease: 60_000 };

function numbers(claims: readonly Claim[]): number[] {
  return claims.map(({ trial }) => trial.number);
}

export function claimCases(kind: Kind): void {
  test('claims come by number, and no trial twice', async (t) => {
    const { storage, id } = await withStudy(kind, t, 5);
    assert.deepEqual(await storage.claim(id, { ...long, count: 0 }), []);
    const first = await storage.claim(id, { ...long, count: 2 });
    assert.deepEqual(numbers(first), [0, 1]);
    assert.deepEqual(
      first.map(({ trial: { state, attempt, started } }) => [state, attempt, started !== null]),
      [
        ['running', 1, true],
        ['running', 1, true],
      ],
    );
    assert.deepEqual(numbers(await storage.claim(id, { ...long, count: 9 })), [2, 3, 4]);
    assert.deepEqual(await storage.claim(id, { ...long, count: 9 }), []);
  });

  test('only among given trials', async (t) => {
    const { storage, id } = await withStudy(kind, t, 5);
    assert.deepEqual(numbers(await storage.claim(id, { ...long, count: 1, trials: [3, 1] })), [1]);
    assert.deepEqual(numbers(await storage.claim(id, { ...long, count: 9, trials: [3, 1, 77] })), [3]);
    assert.deepEqual(await storage.claim(id, { ...long, count: 9, trials: [] }), []);
  });

  test('an expired lease is claimed again, and the earlier token is refused everywhere', async (t) => {
    const { storage, id } = await withStudy(kind, t, 1);
    const [old] = await storage.claim(id, { count: 1, worker: 'old', lease: 500 });
    assert.ok(await storage.report(id, old!, { step: 1, values: [1, 2] }));
    assert.deepEqual(await storage.claim(id, { count: 1, worker: 'early', lease: 60_000 }), []);
    await delay(600);
    const [now] = await storage.claim(id, { count: 1, worker: 'new', lease: 60_000 });
    assert.deepEqual([now!.trial.attempt, now!.trial.lost], [2, 1]);
    assert.equal(now!.trial.started, old!.trial.started);
    assert.deepEqual(now!.trial.reports, [{ step: 1, values: [1, 2] }]);
    assert.notEqual(now!.token, old!.token);

    assert.deepEqual(await storage.renew(id, [old!, now!], 60_000), [now]);
    assert.equal(await storage.report(id, old!, { step: 2, values: [0, 0] }), false);
    assert.equal(await storage.annotate(id, old!, { late: true }), false);
    assert.equal(await storage.finish(id, old!, { state: 'complete', values: [0, 0] }), false);
    await storage.release(id, [old!]);
    const [trial] = await storage.trials(id);
    assert.deepEqual(trial, now!.trial);
    assert.ok(await storage.finish(id, now!, { state: 'complete', values: [1, 2] }));
    assert.equal(await storage.finish(id, old!, { state: 'complete', values: [1, 2] }), false);
  });

  test('a renewed lease holds, and one that ran out still does until somebody else claims', async (t) => {
    const { storage, id } = await withStudy(kind, t, 1);
    const claims = await storage.claim(id, { count: 1, worker: 'w', lease: 40 });
    await delay(60);
    assert.deepEqual(await storage.renew(id, claims, 60_000), claims);
    assert.deepEqual(await storage.claim(id, { ...long, count: 1 }), []);
    assert.deepEqual(await storage.renew(id, claims, 20), claims);
    await delay(60);
    assert.ok(await storage.finish(id, claims[0]!, { state: 'complete', values: [1, 2] }));
    assert.deepEqual(await storage.claim(id, { ...long, count: 1 }), []);
  });

  test('released trials wait again and keep what was reported', async (t) => {
    const { storage, id } = await withStudy(kind, t, 2);
    const claims = await storage.claim(id, { ...long, count: 2 });
    await storage.report(id, claims[0]!, { step: 1, values: [1, 2] });
    await storage.annotate(id, claims[0]!, { seed: 3 });
    await storage.release(id, claims);
    await storage.release(id, claims);
    assert.equal(await storage.report(id, claims[0]!, { step: 2, values: [1, 2] }), false);
    assert.deepEqual(await storage.renew(id, claims, 60_000), []);
    const [again] = await storage.claim(id, { ...long, count: 1 });
    const { state, attempt, lost, reports, attributes } = again!.trial;
    assert.deepEqual([state, attempt, lost], ['running', 2, 0]);
    assert.deepEqual(reports, [{ step: 1, values: [1, 2] }]);
    assert.deepEqual(attributes, { seed: 3 });
  });

  test('reports are in the order of their steps, and the last of a step counts', async (t) => {
    const { storage, id } = await withStudy(kind, t, 1);
    const [claim] = await storage.claim(id, { ...long, count: 1 });
    for (const [step, value] of [
      [4, 0.4],
      [1, 0.1],
      [10, 0.9],
      [4, 0.5],
    ] as const)
      assert.equal(await storage.report(id, claim!, { step, values: [value, -value] }), true);
    assert.deepEqual((await storage.trials(id))[0]!.reports, [
      { step: 1, values: [0.1, -0.1] },
      { step: 4, values: [0.5, -0.5] },
      { step: 10, values: [0.9, -0.9] },
    ]);
  });

  test('attributes are merged', async (t) => {
    const { storage, id } = await withStudy(kind, t, 1);
    const [claim] = await storage.claim(id, { ...long, count: 1 });
    await storage.annotate(id, claim!, { a: 1, b: { x: 1 } });
    await storage.annotate(id, claim!, { b: { y: 2 }, c: null });
    await storage.finish(id, claim!, { state: 'complete', values: [1, 2], attributes: { c: 3, d: [] } });
    assert.deepEqual((await storage.trials(id))[0]!.attributes, { a: 1, b: { y: 2 }, c: 3, d: [] });
  });

  test('a trial is finished once; the same outcome again is a repetition', async (t) => {
    const { storage, id } = await withStudy(kind, t, 3);
    const claims = await storage.claim(id, { ...long, count: 3 });
    const outcome = { state: 'complete', values: [0.25, 0.5], constraints: [-1], attributes: { a: 1 } } as const;
    assert.ok(await storage.finish(id, claims[0]!, outcome));
    assert.ok(await storage.finish(id, claims[0]!, outcome));
    assert.equal(await storage.finish(id, claims[0]!, { ...outcome, values: [0.3, 0.5] }), false);
    assert.equal(await storage.finish(id, claims[0]!, { state: 'failed', values: null, error: 'late' }), false);
    assert.equal(await storage.finish(id, { ...claims[0]!, token: 'guessed' }, outcome), false);
    assert.equal(await storage.report(id, claims[0]!, { step: 1, values: [1, 1] }), false);
    assert.equal(await storage.annotate(id, claims[0]!, { b: 1 }), false);
    assert.ok(await storage.finish(id, claims[1]!, { state: 'failed', values: null, error: 'a\u0000b' }));
    assert.ok(await storage.finish(id, claims[1]!, { state: 'failed', values: null, error: 'a\u0000b' }));
    assert.ok(await storage.finish(id, claims[2]!, { state: 'pruned', values: null }));
    const [complete, failed, pruned] = await storage.trials(id);
    assert.ok(complete!.finished! >= complete!.started!);
    assert.deepEqual(complete, {
      ...claims[0]!.trial,
      state: 'complete',
      values: [0.25, 0.5],
      constraints: [-1],
      attributes: { a: 1 },
      finished: complete!.finished,
    });
    assert.deepEqual([failed!.state, failed!.values, failed!.error], ['failed', null, 'a\ufffdb']);
    assert.deepEqual([pruned!.state, pruned!.values, pruned!.error], ['pruned', null, null]);
  });

  test('leases that make no sense are refused', async (t) => {
    const { storage, id } = await withStudy(kind, t, 1);
    const refused = { code: 'ERR_INVALID_OPTION' };
    await assert.rejects(storage.claim(id, { count: -1, worker: 'w', lease: 1 }), refused);
    await assert.rejects(storage.claim(id, { count: 1, worker: 'w', lease: 0 }), refused);
    const claims = await storage.claim(id, { ...long, count: 1 });
    await assert.rejects(storage.renew(id, claims, Number.NaN), refused);
  });
}
