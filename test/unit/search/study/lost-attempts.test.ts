import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SearchEvent } from '../../../../lib/search/events.ts';
import { inProcessExecutor } from '../../../../lib/search/executors/in-process.ts';
import { optimize } from '../../../../lib/search/optimize.ts';
import { openMemoryStorage } from '../../../../lib/search/storage/memory.ts';
import { open, sideBySide } from './helpers.ts';

/** A study of which `times` workers were lost with the first trial; one that was only released counts for nothing. */
async function studyAfter(times: number, attempts?: number) {
  const storage = openMemoryStorage();
  const study = await open({ storage, ...(attempts === undefined ? {} : { attempts }) });
  const claim = async (lease: number) => storage.claim(study.stored.id, { count: 1, worker: 'w', lease });
  await storage.locked(study.stored.id, (locked) =>
    locked.add([{ parameters: { x: 0.5, rate: 1e-4 }, origin: 'sampled' }]),
  );
  await storage.release(study.stored.id, await claim(60_000));
  for (let i = 0; i < times; i++) {
    await claim(1);
    await sleep(5);
  }
  return study;
}

test('ask gives up what was lost three times, and goes on', async () => {
  for (const [times, state, error] of [
    [2, 'running', null],
    [3, 'failed', 'given up: its worker was lost 3 times (killed, crashed, or not heard of)'],
  ] as const) {
    await using study = await studyAfter(times);
    const asked = await study.ask();
    assert.equal(asked.number, times === 2 ? 0 : 1);
    const [trial] = await study.trials();
    assert.deepEqual([trial!.state, trial!.error, trial!.attempt, trial!.lost], [state, error, times + 2, times]);
  }
});

test('optimize gives up after as many as it is told, and says so', async () => {
  for (const attempts of [1, 2]) {
    await using study = await studyAfter(attempts, 9);
    const events: SearchEvent[] = [];
    const options = { trials: 2, attempts, onEvent: (event: SearchEvent) => events.push(event) };
    await optimize(study, inProcessExecutor(sideBySide), options);
    const trials = await study.trials();
    assert.deepEqual(
      trials.map(({ state, lost }) => [state, lost]),
      [
        ['failed', attempts],
        ['complete', 0],
      ],
    );
    assert.deepEqual(events[0], {
      type: 'finished',
      trial: 0,
      state: 'failed',
      values: null,
      error: trials[0]!.error,
    });
  }
  const refused = { code: 'ERR_INVALID_OPTION' };
  await assert.rejects(open({ attempts: 0 }), refused);
  await using study = await open();
  await assert.rejects(optimize(study, inProcessExecutor(sideBySide), { trials: 1, attempts: 1.5 }), refused);
});
