import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRandom } from '../../../../lib/random.ts';
import { gridSampler } from '../../../../lib/search/samplers/grid.ts';
import type { Parameters, Space } from '../../../../lib/search/space.ts';
import type { Trial } from '../../../../lib/search/trial.ts';
import { trial } from '../../../helpers/trial.ts';

const space: Space = {
  rate: { kind: 'float', low: 1e-6, high: 1e-4, log: true },
  epochs: { kind: 'int', low: 2, high: 3 },
  schedule: { kind: 'categorical', choices: ['linear', 'constant'] },
};

function ask(count: number, trials: readonly Trial[] = [], levels = 3, searched = space): readonly Parameters[] {
  return gridSampler({ levels }).suggest({
    space: searched,
    directions: ['minimize'],
    trials,
    count,
    random: createRandom(1),
  });
}

test('all combinations, the last dimension changing quickest, ends included', () => {
  const points = ask(12);
  assert.deepEqual(
    points.map(({ epochs, schedule }) => [epochs, schedule]),
    Array.from({ length: 3 }, () => [
      [2, 'linear'],
      [2, 'constant'],
      [3, 'linear'],
      [3, 'constant'],
    ]).flat(),
  );
  assert.deepEqual(
    [...new Set(points.map(({ rate }) => Number((rate as number).toPrecision(12))))],
    [1e-6, 1e-5, 1e-4],
  );
  assert.equal(points[0]!.rate, 1e-6);
  assert.equal(points[11]!.rate, 1e-4);
});

test('goes on where trials of any kind have not been, and begins again when all have been tried', () => {
  const all = ask(12);
  const tried = [0, 1, 3].map((i, number) =>
    trial({ number, parameters: all[i]!, state: number === 1 ? 'failed' : 'complete' }),
  );
  assert.deepEqual(ask(3, tried), [all[2], all[4], all[5]]);
  const outside = [
    { ...all[0]!, rate: 2e-6 },
    { ...all[4]!, epochs: 9 },
  ].map((parameters, number) => trial({ number, parameters, origin: 'enqueued' }));
  assert.deepEqual(ask(12, outside), all);
  assert.deepEqual(ask(13)[12], all[0]);
});

test('integers of a wide range have as many levels as floats', () => {
  const wide: Space = { n: { kind: 'int', low: 1, high: 1000 }, few: { kind: 'int', low: 0, high: 2 } };
  const points = ask(15, [], 5, wide);
  assert.deepEqual([...new Set(points.map(({ few }) => few))], [0, 1, 2]);
  assert.deepEqual([...new Set(points.map(({ n }) => n))], [1, 251, 501, 751, 1000]);
});

test('a grid that is too large is refused, and so are wrong levels', () => {
  const large: Space = Object.fromEntries(
    Array.from({ length: 8 }, (_, i) => [`x${i}`, { kind: 'float', low: 0, high: 1 } as const]),
  );
  assert.throws(() => ask(1, [], 5, large), { code: 'ERR_INVALID_OPTION', message: /390625 combinations/ });
  assert.throws(() => gridSampler({ levels: 1 }), { code: 'ERR_INVALID_OPTION' });
  assert.throws(() => gridSampler({ level: 3 }), { code: 'ERR_UNKNOWN_OPTION', remedy: 'Did you mean levels?' });
});
