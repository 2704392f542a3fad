import { join } from 'node:path';
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { survive } from '../../bench/experiments/kill-search/attempt.ts';
import { temporaryFolder } from '../helpers/temporary.ts';

const folder = temporaryFolder();

// The long version, with PostgreSQL and its connections: node bench/experiments/kill-search.ts
for (const mode of ['lockstep', 'async'] as const)
  test(`${mode}: workers and children are killed, and the study is none the worse`, { timeout: 180_000 }, async () => {
    const { kills } = await survive({
      storage: join(folder, 'study.db'),
      name: mode,
      mode,
      trials: 32,
      log: join(folder, 'log'),
      workers: 2,
      kills: 8,
      seed: 3,
      pause: 300,
      victims: ['worker', 'child'],
    });
    assert.ok(kills.worker + kills.child > 3, JSON.stringify(kills));
  });
