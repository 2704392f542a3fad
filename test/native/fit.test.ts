// How many replicas there is memory for.
import assert from 'node:assert/strict';
import { freemem } from 'node:os';
import { test } from 'node:test';
import { loadNative } from '../../lib/native/load.ts';
import { tinyModel, tinySession, tinySpec } from '../helpers/native.ts';

// A replica of 1.6 GB of weights, of which nothing is made: fit() counts only.
const large = { ...tinyModel, vocab: 200_000, hidden: 2048, heads: 16, intermediate: 2048, layers: 1 };
const arena = 4 * (large.vocab * large.hidden);

test('the number of replicas is limited by what is asked for and by memory', async () => {
  const { session } = await tinySession();
  const fit = (replicas: number, change = {}) => session.fit({ replicas, tokens: 64, rows: 2, slots: 0, ...change });
  assert.equal(await fit(1), 1);
  assert.equal(await fit(7), 7);
  // Each replica takes three arenas; one more of all weights for each slot.
  const most = await fit(4096, { slots: 1 << 16 });
  assert(most < 4096, `${most} replicas of ${1 << 16} slots each`);
  assert((await fit(4096, { slots: 1 << 15 })) >= 2 * most - 1);
  assert.equal(await fit(4096, { tokens: 2 ** 31 - 1 }), 0, 'no room for the activations of that many tokens');
  session.closeSync();
});

test('a session that is not made yet counts its weights', async () => {
  const session = new (loadNative().Session)({ ...tinySpec, model: large });
  const replicas = await session.fit({ replicas: 4096, tokens: 64, rows: 2, slots: 0 });
  const perReplica = 3 * arena;
  assert(replicas <= freemem() / perReplica + 8 && replicas < 4096, `${replicas} replicas of ${perReplica} bytes`);
  session.closeSync();
});
