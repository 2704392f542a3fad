import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openStorage } from '../../../lib/search/storage/open.ts';
import { definition, point } from './data.ts';
import { type Kind, withStudy } from './kinds.ts';

export function studyCases(kind: Kind): void {
  test('a study comes back as it was given', async (t) => {
    const { storage, study } = await withStudy(kind, t);
    const { id, created, ...same } = study;
    assert.deepEqual(same, definition);
    assert.ok(Number.isInteger(id) && Math.abs(created - Date.now()) < 60_000);
    assert.deepEqual(await storage.findStudy('one'), study);
    assert.equal(await storage.findStudy('two'), undefined);
  });

  test('another process would see it', { skip: !kind.shared }, async (t) => {
    const { address, study, storage } = await withStudy(kind, t, 2);
    const other = await openStorage(address);
    t.after(() => other.close());
    assert.deepEqual(await other.findStudy('one'), study);
    assert.deepEqual(await other.trials(study.id), await storage.trials(study.id));
  });

  test('two studies do not mix', async (t) => {
    const { storage, id } = await withStudy(kind, t, 2);
    const two = await storage.createStudy({ ...definition, name: 'two' });
    await storage.locked(two.id, ({ add }) => add([point(5)]));
    assert.equal((await storage.trials(id)).length, 2);
    assert.equal((await storage.trials(two.id)).length, 1);
    const [claim] = await storage.claim(two.id, { count: 9, worker: 'w', lease: 60_000 });
    assert.equal(claim!.trial.parameters['rate'], point(5).parameters['rate']);
    assert.ok(await storage.report(two.id, claim!, { step: 1, values: [1, 2] }));
    assert.ok(await storage.finish(two.id, claim!, { state: 'complete', values: [1, 2] }));
    assert.deepEqual(
      (await storage.trials(id)).map(({ state, reports }) => [state, reports.length]),
      [
        ['waiting', 0],
        ['waiting', 0],
      ],
    );
  });

  test('a name is taken once', async (t) => {
    const { storage } = await withStudy(kind, t);
    await assert.rejects(storage.createStudy(definition), { code: 'ERR_STUDY_EXISTS' });
    const tries = await Promise.allSettled(
      Array.from({ length: 4 }, () => storage.createStudy({ ...definition, name: 'raced' })),
    );
    assert.equal(tries.filter(({ status }) => status === 'fulfilled').length, 1);
  });

  test('studies are listed with their trials, in the order of creation', async (t) => {
    const { storage, study } = await withStudy(kind, t, 3);
    const two = await storage.createStudy({ ...definition, name: 'a name with "quotes", ü and 漢字' });
    assert.deepEqual(await storage.listStudies(), [
      { ...study, trials: 3 },
      { ...two, trials: 0 },
    ]);
  });

  test('a deleted study is gone with its trials, and its id is not used again', async (t) => {
    const { storage, id } = await withStudy(kind, t, 2);
    const [claim] = await storage.claim(id, { count: 1, worker: 'w', lease: 60_000 });
    await storage.report(id, claim!, { step: 1, values: [1, 2] });
    assert.equal(await storage.deleteStudy('one'), true);
    assert.equal(await storage.deleteStudy('one'), false);
    assert.deepEqual(await storage.listStudies(), []);
    const gone = { code: 'ERR_STUDY_NOT_FOUND' };
    await assert.rejects(storage.trials(id), gone);
    await assert.rejects(
      storage.locked(id, ({ add }) => add([point()])),
      gone,
    );
    await assert.rejects(storage.attach(id, []), gone);
    await assert.rejects(storage.claim(id, { count: 1, worker: 'w', lease: 1000 }), gone);
    await assert.rejects(storage.renew(id, [claim!], 1000), gone);
    await assert.rejects(storage.release(id, [claim!]), gone);
    await assert.rejects(storage.report(id, claim!, { step: 1, values: [1, 2] }), gone);
    await assert.rejects(storage.annotate(id, claim!, { a: 1 }), gone);
    await assert.rejects(storage.finish(id, claim!, { state: 'complete', values: [1, 2] }), gone);
    const again = await storage.createStudy(definition);
    assert.notEqual(again.id, id);
    assert.deepEqual(await storage.trials(again.id), []);
  });

  test('what cannot be a study is refused', async (t) => {
    const { storage } = await withStudy(kind, t);
    const refused = { code: 'ERR_INVALID_OPTION' };
    await assert.rejects(storage.createStudy({ ...definition, name: ' ' }), refused);
    await assert.rejects(storage.createStudy({ ...definition, name: 'a\nb' }), refused);
    await assert.rejects(storage.createStudy({ ...definition, name: 'x', directions: ['maximize'] }), refused);
    await assert.rejects(storage.createStudy({ ...definition, name: 'x', seed: -1 }), refused);
    await assert.rejects(storage.createStudy({ ...definition, name: 'x', maxStep: 0 }), refused);
    await assert.rejects(storage.createStudy({ ...definition, name: 'x', protocol: { a: Number.NaN } }), refused);
    assert.equal((await storage.listStudies()).length, 1);
  });

  test('after close nothing works, and closing again does no harm', async (t) => {
    const { storage, id } = await withStudy(kind, t, 1);
    const underway = storage.trials(id);
    await storage.close();
    await storage.close();
    assert.equal((await underway).length, 1);
    await assert.rejects(storage.trials(id), { code: 'ERR_DISPOSED' });
  });
}
