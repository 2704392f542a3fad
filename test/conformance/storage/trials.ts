import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { openStorage } from '../../../lib/search/storage/open.ts';
import type { FinishedTrial } from '../../../lib/search/storage/storage.ts';
import type { Trial } from '../../../lib/search/trial.ts';
import { point } from './data.ts';
import { type Kind, withStudy } from './kinds.ts';

export function trialCases(kind: Kind): void {
  test('trials are numbered from 0 without gaps and come back as they were given', async (t) => {
    const { storage, id } = await withStudy(kind, t);
    const awkward = { parameters: { rate: 0.1 + 0.2, epochs: 1, shape: true }, origin: 'enqueued' } as const;
    const attributes = { text: 'a "b" \u2028 \u0000 \ud800 \\', list: [1, [2, null]], deep: { x: 1e-300, y: -1.5 } };
    const made = await storage.locked(id, ({ add }) => add([point(0), { ...awkward, attributes }, point(2)]));
    const trials = await storage.trials(id);
    assert.deepEqual(trials, made);
    assert.deepEqual(
      trials.map(({ number }) => number),
      [0, 1, 2],
    );
    const { created, ...second } = trials[1]!;
    assert.ok(Math.abs(created - Date.now()) < 60_000);
    assert.deepEqual(second, {
      ...awkward,
      attributes,
      number: 1,
      state: 'waiting',
      values: null,
      constraints: null,
      reports: [],
      attempt: 0,
      lost: 0,
      error: null,
      started: null,
      finished: null,
    });
  });

  test('what an action under the lock added stays only if it does not throw', async (t) => {
    const { storage, id } = await withStudy(kind, t, 1);
    const failing = storage.locked(id, async ({ add, annotate, trials }) => {
      await add([point(1)]);
      await annotate([0], { batch: 1 });
      assert.equal((await trials()).length, 2);
      assert.deepEqual((await trials())[0]!.attributes, { batch: 1 });
      throw new Error('on purpose');
    });
    await assert.rejects(failing, { message: 'on purpose' });
    assert.deepEqual(
      (await storage.trials(id)).map(({ attributes }) => attributes),
      [{}],
    );
    const [next] = await storage.locked(id, ({ add }) => add([point(2)]));
    assert.equal(next!.number, 1);
  });

  test('actions under the lock take turns', async (t) => {
    const { storage, id } = await withStudy(kind, t);
    let inside = 0;
    const numbers = await Promise.all(
      Array.from({ length: 5 }, () =>
        storage.locked(id, async ({ trials, add }) => {
          assert.equal(++inside, 1);
          const before = (await trials()).length;
          await delay(5);
          const [trial] = await add([point(before)]);
          assert.equal(--inside, 0);
          assert.equal(trial!.number, before);
          return trial!.number;
        }),
      ),
    );
    assert.deepEqual(numbers.sort(), [0, 1, 2, 3, 4]);
  });

  test('an action under the lock is run once, and others wait for it', { skip: !kind.shared }, async (t) => {
    const { address, storage, id } = await withStudy(kind, t);
    const other = await openStorage(address);
    t.after(() => other.close());
    let runs = 0;
    let waiting: Promise<readonly Trial[]> | undefined;
    const mine = await storage.locked(id, async ({ trials, add }) => {
      runs++;
      await trials();
      waiting ??= other.locked(id, (theirs) => theirs.add([point(1)]));
      await delay(100);
      return add([point(0)]);
    });
    assert.deepEqual([runs, mine[0]!.number, (await waiting)![0]!.number], [1, 0, 1]);
  });

  test('under the lock, attributes of waiting trials are merged and those of others left', async (t) => {
    const { storage, id } = await withStudy(kind, t, 3);
    await storage.claim(id, { count: 1, worker: 'w', lease: 60_000 });
    await storage.locked(id, async ({ annotate }) => {
      await annotate([0, 1, 7], { batch: 1, seed: 3 });
      await annotate([1], { batch: 2 });
      await annotate([], { batch: 9 });
    });
    assert.deepEqual(
      (await storage.trials(id)).map(({ attributes }) => attributes),
      [{}, { batch: 2, seed: 3 }, {}],
    );
  });

  test('finished trials from elsewhere are attached', async (t) => {
    const { storage, id } = await withStudy(kind, t, 1);
    const complete: FinishedTrial = {
      ...point(1),
      origin: 'attached',
      state: 'complete',
      values: [0.9, 0.8],
      constraints: [-0.1, 0.2],
      reports: [
        { step: 3, values: [0.9, 0.8] },
        { step: 1, values: [0.5, 0.6] },
      ],
      attributes: { seed: 1 },
      started: 1_700_000_000_000,
      finished: 1_700_000_001_000,
    };
    const failed: FinishedTrial = {
      ...point(2),
      origin: 'attached',
      state: 'failed',
      values: null,
      error: 'no memory',
    };
    const attached = await storage.attach(id, [complete, failed]);
    assert.deepEqual((await storage.trials(id)).slice(1), attached);
    const { created, ...first } = attached[0]!;
    assert.ok(created > 1_700_000_001_000);
    assert.deepEqual(first, {
      ...complete,
      number: 1,
      attempt: 0,
      lost: 0,
      error: null,
      reports: complete.reports!.toReversed(),
    });
    assert.deepEqual([attached[1]!.number, attached[1]!.error], [2, 'no memory']);
    const claims = await storage.claim(id, { count: 9, worker: 'w', lease: 1000 });
    assert.deepEqual(
      claims.map(({ trial }) => trial.number),
      [0],
    );
  });

  test('many trials at once', async (t) => {
    const { storage, id } = await withStudy(kind, t, 1200);
    const trials = await storage.trials(id);
    assert.ok(trials.every(({ number }, i) => number === i));
    assert.equal(trials.length, 1200);
  });

  test('what is no trial of the space is refused', async (t) => {
    const { storage, id } = await withStudy(kind, t, 1);
    const right = point().parameters;
    const wrong = [
      { ...right, rate: Number.NaN },
      { ...right, rate: 'fast' },
      { ...right, epochs: 1.5 },
      { ...right, shape: 'square' },
      { ...right, more: 1 },
      { rate: 1e-5, epochs: 3 },
    ] as never[];
    for (const parameters of wrong)
      await assert.rejects(
        storage.locked(id, ({ add }) => add([{ parameters, origin: 'sampled' }])),
        { code: 'ERR_INVALID_OPTION' },
        JSON.stringify(parameters),
      );
    assert.equal((await storage.trials(id)).length, 1);
  });

  test('numbers that are not finite are refused everywhere', async (t) => {
    const { storage, id } = await withStudy(kind, t, 1);
    const [claim] = await storage.claim(id, { count: 1, worker: 'w', lease: 60_000 });
    const refused = { code: 'ERR_INVALID_OPTION' };
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      await assert.rejects(storage.report(id, claim!, { step: 1, values: [1, bad] }), refused);
      await assert.rejects(storage.annotate(id, claim!, { bad }), refused);
      await assert.rejects(storage.finish(id, claim!, { state: 'complete', values: [bad, 1] }), refused);
      const constraints = [bad];
      await assert.rejects(storage.finish(id, claim!, { state: 'complete', values: [1, 1], constraints }), refused);
    }
    await assert.rejects(storage.finish(id, claim!, { state: 'complete', values: [1] }), refused);
    await assert.rejects(storage.finish(id, claim!, { state: 'complete', values: null }), refused);
    await assert.rejects(storage.report(id, claim!, { step: 0, values: [1, 1] }), refused);
    const [trial] = await storage.trials(id);
    assert.deepEqual([trial!.state, trial!.reports, trial!.attributes], ['running', [], {}]);
  });
}
