import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LrdistError } from '../../../../lib/errors.ts';
import { retry } from '../../../../lib/search/storage/retry.ts';

const failure = (passing: boolean) => ({ error: new LrdistError('ERR_STORAGE', 'gone', { remedy: 'wait' }), passing });

function rules(passing: boolean, patience = 10_000) {
  return {
    understand: (error: unknown) => (error instanceof RangeError ? failure(passing) : undefined),
    pause: [1, 4] as const,
    patience,
  };
}

test('what may pass is tried again, and the action is told how often', async () => {
  const attempts: number[] = [];
  const result = await retry(rules(true), async (attempt) => {
    attempts.push(attempt);
    if (attempt < 3) throw new RangeError('no connection');
    return 'done';
  });
  assert.equal(result, 'done');
  assert.deepEqual(attempts, [0, 1, 2, 3]);
});

test('after the stated time it is an error', async () => {
  const start = performance.now();
  await assert.rejects(
    retry(rules(true, 50), async () => {
      throw new RangeError('no connection');
    }),
    { code: 'ERR_STORAGE', remedy: 'wait', message: /tried for/ },
  );
  assert.ok(performance.now() - start >= 50);
});

test('other errors are not tried again', async () => {
  let calls = 0;
  const failing = (error: Error) => async () => {
    calls++;
    throw error;
  };
  await assert.rejects(retry(rules(false), failing(new RangeError('full'))), { code: 'ERR_STORAGE', message: 'gone' });
  await assert.rejects(retry(rules(true), failing(new TypeError('a bug'))), TypeError);
  assert.equal(calls, 2);
});
