import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rateSpace } from '../../../lib/pair-search/rate-space.ts';
import { Block } from '../../../lib/cli/search/block.ts';
import { SearchView } from '../../../lib/cli/search/view.ts';
import { ViewState } from '../../../lib/cli/search/view-state.ts';
import { headline, viewLines } from '../../../lib/cli/search/view-text.ts';
import { profile, rateAxis } from '../../../lib/cli/study/profile.ts';
import { isFlat, ranked } from '../../../lib/cli/study/ranking.ts';
import { trialsText } from '../../../lib/cli/study/trials-text.ts';
import { createOutput } from '../../../lib/cli/output.ts';
import { openMemoryStorage } from '../../../lib/search/storage/memory.ts';
import type { Storage, StoredStudy } from '../../../lib/search/storage/storage.ts';
import type { Trial } from '../../../lib/search/trial.ts';
import { Capture } from './helpers.ts';

const space = rateSpace({ layers: 2 });
const names = space.groups.map(({ name }) => name);
const at = (rate: number) => Object.fromEntries(Object.keys(space.space).map((name) => [name, rate]));

async function study(): Promise<{ storage: Storage; stored: StoredStudy }> {
  const storage = openMemoryStorage();
  const stored = await storage.createStudy({
    name: 'a-b',
    directions: ['maximize'],
    objectives: ['objective'],
    space: space.space,
    seed: 0,
    maxStep: 3,
    protocol: { groups: names },
  });
  return { storage, stored };
}

const trial = (number: number, value: number | null, more: Partial<Trial> = {}): Trial => ({
  number,
  state: value === null ? 'running' : 'complete',
  origin: 'sampled',
  parameters: at(1e-4),
  values: value === null ? null : [value],
  constraints: null,
  reports: [],
  attributes: {},
  attempt: 1,
  lost: 0,
  error: null,
  created: 0,
  started: 0,
  finished: value === null ? null : 1,
  ...more,
});

test('drawings of rates', () => {
  assert.equal(profile([1e-7, 1e-5, 1e-3, 1, 1e-12, 0], [1e-7, 1e-3]), '▁▅██▁·');
  assert.equal(profile([1e-5], [1e-5, 1e-5]), '▅');
  assert.deepEqual(rateAxis(space.space), [1e-6, 1e-2]);
  assert.deepEqual(rateAxis({ x: { kind: 'float', low: 0, high: 1 } }), [1e-7, 1e-2]);
});

test('ranking: fronts, constraints, flat rates', () => {
  const trials = [
    trial(0, 1.2),
    trial(1, 1.5, { constraints: [0.1] }),
    trial(2, 1.4, { constraints: [0] }),
    trial(3, null),
    trial(4, 1.4, { state: 'pruned' }),
  ];
  assert.deepEqual(
    ranked({ directions: ['maximize'] }, trials).map(({ number }) => number),
    [2, 0],
  );
  const front = [
    trial(0, 0, { values: [1, 0] }),
    trial(1, 0, { values: [0.8, 0.8] }),
    trial(2, 0, { values: [0.7, 0.7] }),
  ];
  assert.deepEqual(
    ranked({ directions: ['maximize', 'maximize'] }, front).map(({ number }) => number),
    [1, 0, 2],
  );
  const rates = (...list: number[]) =>
    trial(0, 1, { attributes: { rates: [Object.fromEntries(list.map((rate, i) => [`g${i}`, rate]))] } });
  assert.deepEqual([rates(1e-4, 1e-4), rates(1e-4, 1.0001e-4), trial(0, 1)].map(isFlat), [true, false, false]);
});

test('a running search as lines', async () => {
  const { stored } = await study();
  const state = new ViewState(stored, 4, 0);
  state.see([]);
  state.see([
    trial(0, 1.512, { attributes: { rates: [Object.fromEntries(names.map((name) => [name, 1e-4]))] } }),
    trial(1, null),
    trial(2, null),
    trial(3, null),
  ]);
  state.take({ type: 'batch', batch: 'batch 0', trials: [0, 1, 2, 3], attempts: [1, 1, 1, 1] });
  state.take({
    type: 'progress',
    batch: 'batch 0',
    event: { trials: [0, 1, 2, 3], stage: 2, step: 30, of: 120, losses: [] },
  });
  state.take({ type: 'report', trial: 1, step: 1, values: [1.25], goesOn: true });
  state.take({ type: 'report', trial: 2, step: 1, values: [0.5], goesOn: false });
  state.take({ type: 'finished', trial: 0, state: 'complete', values: [1.512], error: null });
  const context = { study: stored, pair: { space }, state, now: 10_000 };
  assert.equal(headline(context), 'a-b 1/4, best 151.2 (trial 0), 30 s left');
  assert.deepEqual(viewLines(context), [
    '█████░░░░░░░░░░░░░░░ a-b 1/4, best 151.2 (trial 0), 30 s left',
    'best so far   ▅▅▅▅',
    'trial  stage  done  epoch  score  rates',
    '    1      2  25 %      1  125.0  ▅▅▅▅',
    '    3      2  25 %      -      -  ▅▅▅▅',
  ]);
  state.take({ type: 'waiting', trials: [7] });
  assert.match(headline(context), /waiting for trial 7 of other workers/);
  state.take({ type: 'lost', batch: 'batch 0', trials: [1, 3] });
  assert.equal(state.running.size, 0);
});

test('the block is drawn over, cut to the width, and taken away', () => {
  const stream = Object.assign(new Capture(), { columns: 6 });
  const block = new Block(stream);
  block.draw(['a', 'bbbbbbbbb']);
  block.draw(['c']);
  block.clear();
  block.clear();
  assert.equal(stream.text, 'a\nbbbbb\n\u001b[2A\u001b[Jc\n\u001b[1A\u001b[J');
  block.draw(['d']);
  block.leave();
  block.draw(['e']);
  assert.match(stream.text, /d\ne\n$/);
});

test('off a terminal: a line for each trial that ends, of other workers too; quiet: nothing', async () => {
  for (const [quiet, own] of [
    [false, false],
    [false, true],
    [true, false],
  ]) {
    const { storage, stored } = await study();
    // What had ended before is no news.
    await storage.attach(stored.id, [{ parameters: at(1e-4), origin: 'attached', state: 'complete', values: [1] }]);
    const stderr = new Capture();
    const output = createOutput({ quiet, stdout: new Capture(), stderr });
    const view = new SearchView({
      storage,
      study: stored,
      pair: { space },
      trials: 2,
      own: own!,
      output,
      signal: new AbortController().signal,
    });
    await storage.locked(stored.id, (locked) =>
      locked.add([
        { parameters: at(1e-4), origin: 'enqueued', attributes: { known: 'flat@1e-4' } },
        { parameters: at(1e-5), origin: 'sampled' },
      ]),
    );
    view.event({ type: 'batch', batch: 'batch 0', trials: [1], attempts: [1] });
    await new Promise((resolve) => setImmediate(resolve));
    const claims = await storage.claim(stored.id, { count: 2, worker: 'w', lease: 60_000 });
    await storage.finish(stored.id, claims[0]!, { state: 'complete', values: [1.5] });
    await storage.finish(stored.id, claims[1]!, { state: 'failed', values: null, error: 'it broke\nhere' });
    view.event({
      type: 'progress',
      batch: 'batch 0',
      event: { type: 'crash', trials: [0], error: 'killed\n', next: 0 },
    });
    await view[Symbol.asyncDispose]();
    assert.equal(
      stderr.text,
      quiet
        ? ''
        : own
          ? 'trials 0: killed; it has failed\ntrial 1 (flat@1e-4) complete 150.0 ; a-b 2/2, best 150.0 (trial 1)\n'
          : 'trials 0: killed; it has failed\ntrial 1 (flat@1e-4) complete 150.0 \ntrial 2 failed: it broke; a-b 2/2, best 150.0 (trial 1)\n',
    );
  }
});

test('trials as a table: pairs in points with drawings, other studies with their numbers', async () => {
  const { stored } = await study();
  const rates = [Object.fromEntries(names.map((name, i) => [name, 10 ** (i - 6)]))];
  const done = trial(0, 1.5, { attributes: { rates, before: 0.9, p_s: 0.8, p_o: 0.7, known: 'flat@1e-5' } });
  assert.equal(
    trialsText(stored, [done, trial(1, null, { reports: [{ step: 2, values: [1] }] })]),
    [
      'trial  what       state     objective  before   p_s   p_o  epochs  rates',
      '    0  flat@1e-5  complete      150.0    90.0  80.0  70.0       3  ▁▃▅▆',
      '    1  sampled    running           -       -     -     -       2',
    ].join('\n'),
  );
  const plain = { ...stored, protocol: {} };
  assert.match(trialsText(plain, [trial(0, 1.23456789)]), /1\.23457 +3 +lr_embeddings=1e-4/);
});
