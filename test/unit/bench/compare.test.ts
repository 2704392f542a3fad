import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareResults, formatComparison } from '../../../bench/lib/compare.ts';
import { figuresOf } from '../../../bench/lib/figures.ts';
import type { Result } from '../../../bench/lib/results.ts';

const machine = { name: 'amd-2', processor: 'AMD', cores: 2, memoryBytes: 1, system: 'linux' };
const spread = (median: number, least: number, most: number) => ({ median, least, most });

function result(details: Record<string, unknown>): Result {
  const versions = { commit: 'a', libtorch: '2.13.0' };
  return { case: 'step', date: '2026-01-01', machine, versions, headline: '', commands: {}, seeds: [], ...details };
}

test('figures are found by their path, spreads and intervals alike', () => {
  const document = {
    ratios: { padded: spread(4, 3, 5) },
    nested: [{ score: { n: 3, mean: 1, deviation: 1, low: 0, high: 2 } }],
    single: { n: 1, mean: 1, deviation: null, low: null, high: null },
    count: 3,
  };
  assert.deepEqual(
    [...figuresOf(document)],
    [
      ['ratios.padded', { middle: 4, low: 3, high: 5 }],
      ['nested.0.score', { middle: 1, low: 0, high: 2 }],
    ],
  );
});

test('each figure has its change and says whether the spreads meet', () => {
  const before = result({ ratios: { padded: spread(4, 3, 5), grouped: spread(2, 1.9, 2.1), gone: spread(1, 1, 1) } });
  const after = result({ ratios: { padded: spread(5, 5, 6), grouped: spread(3, 2.5, 3.5), fresh: spread(1, 1, 1) } });
  const { changes, onlyBefore, onlyAfter, notes } = compareResults(before, after);
  assert.deepEqual(
    changes.map(({ figure, change, overlap }) => [figure, change, overlap]),
    [
      ['ratios.padded', 0.25, true],
      ['ratios.grouped', 0.5, false],
    ],
  );
  assert.deepEqual([onlyBefore, onlyAfter, notes], [['ratios.gone'], ['ratios.fresh'], []]);
  // In the other direction too: the lower range comes second.
  assert.equal(compareResults(after, before).changes[1]!.overlap, false);
});

test('what was not the same is named', () => {
  const { notes } = compareResults(
    result({ settings: { batch: 32, threads: 2 } }),
    result({
      settings: { batch: 16, threads: 2 },
      machine: { ...machine, name: 'intel-4' },
      versions: { commit: 'b', libtorch: '2.13.0' },
    }),
  );
  assert.deepEqual(notes, [
    'machine: amd-2 before, intel-4 after',
    'batch: 32 before, 16 after',
    'commit: a before, b after',
  ]);
});

test('the table has a line for each figure', () => {
  const comparison = compareResults(result({ ratio: spread(2, 1.5, 2.5) }), result({ ratio: spread(1.5, 1, 1.75) }));
  assert.equal(
    formatComparison(comparison).split('\n').at(-1),
    '| ratio | 2.00 (1.50 to 2.50) | 1.50 (1.00 to 1.75) | −25.0 % | overlap |',
  );
});
