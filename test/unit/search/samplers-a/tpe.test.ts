import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRandom } from '../../../../lib/random.ts';
import type { SampleRequest } from '../../../../lib/search/sampler.ts';
import { randomSampler } from '../../../../lib/search/samplers/random.ts';
import { tpeSampler } from '../../../../lib/search/samplers/tpe.ts';
import type { Direction, Parameters, Space } from '../../../../lib/search/space.ts';
import type { Trial } from '../../../../lib/search/trial.ts';
import { trial } from '../../../helpers/trial.ts';

const plane: Space = { x: { kind: 'float', low: 0, high: 1 }, y: { kind: 'float', low: 0, high: 1 } };

/** Trials at random points, scored. */
function scored(count: number, score: (x: number, y: number) => Partial<Trial>, space = plane): Trial[] {
  const points = randomSampler().suggest({
    space,
    directions: ['minimize'],
    trials: [],
    count,
    random: createRandom(8),
  });
  return points.map((parameters, number) =>
    trial({ number, parameters, ...score(parameters.x as number, parameters.y as number) }),
  );
}

function ask(trials: readonly Trial[], more: Partial<SampleRequest> = {}): readonly Parameters[] {
  return tpeSampler().suggest({
    space: plane,
    directions: ['minimize'],
    trials,
    count: 1,
    random: createRandom(4),
    ...more,
  });
}

/** Mean of a coordinate over independent suggestions. */
function mean(name: string, trials: readonly Trial[], more: Partial<SampleRequest> = {}): number {
  const values = Array.from(
    { length: 60 },
    (_, seed) => ask(trials, { random: createRandom(seed), ...more })[0]![name] as number,
  );
  return values.reduce((a, b) => a + b) / values.length;
}

test('looks where values are good, whichever way is good', () => {
  const trials = scored(60, (x) => ({ values: [x] }));
  assert.ok(mean('x', trials, { directions: ['minimize'] }) < 0.2);
  assert.ok(mean('x', trials, { directions: ['maximize'] }) > 0.8);
});

test('the first ten trials that taught something are random', () => {
  const trials = scored(10, (x) => ({ values: [x] }));
  const random = () => createRandom(7);
  const plain = (known: readonly Trial[]) =>
    randomSampler().suggest({ space: plane, directions: ['minimize'], trials: known, count: 2, random: random() });
  assert.deepEqual(ask(trials.slice(1), { count: 2, random: random() }), plain(trials.slice(1)));
  const failed = trials.map((each) => (each.number === 4 ? { ...each, state: 'failed' as const, values: null } : each));
  assert.deepEqual(ask(failed, { count: 2, random: random() }), plain(failed));
  assert.notDeepEqual(ask(trials, { count: 2, random: random() }), plain(trials));
});

test('sees dimensions together: good points lie on a diagonal', () => {
  const trials = scored(400, (x, y) => ({ values: [Math.abs(x - y)] }));
  const gaps = Array.from({ length: 60 }, (_, seed) => ask(trials, { random: createRandom(seed) })[0]!).map(
    ({ x, y }) => Math.abs((x as number) - (y as number)),
  );
  assert.ok(gaps.reduce((a, b) => a + b) / gaps.length < 0.15);
});

test('keeps away from where others are looking', () => {
  const trials = scored(60, (x) => ({ values: [x] }));
  const elsewhere = (state: 'running' | 'waiting') =>
    Array.from({ length: 30 }, (_, i) =>
      trial({ number: 60 + i, state, values: null, parameters: { x: 0.05, y: i / 30 } }),
    );
  const alone = mean('x', trials);
  assert.ok(mean('x', [...trials, ...elsewhere('running')]) > alone + 0.03);
  assert.ok(mean('x', [...trials, ...elsewhere('waiting')]) > alone + 0.03);
});

test('a batch keeps its points apart', () => {
  const trials = scored(40, (x, y) => ({ values: [(x - 0.5) ** 2 + (y - 0.5) ** 2] }));
  const spread = (points: readonly Parameters[]) => {
    const xs = points.map(({ x }) => x as number);
    const centre = xs.reduce((a, b) => a + b) / xs.length;
    return xs.reduce((sum, x) => sum + (x - centre) ** 2, 0) / xs.length;
  };
  let [together, apart] = [0, 0];
  for (let seed = 0; seed < 10; seed++) {
    together += spread(ask(trials, { count: 40, random: createRandom(seed) }));
    const random = createRandom(seed);
    apart += spread(Array.from({ length: 40 }, () => ask(trials, { random })[0]!));
  }
  assert.ok(together > 1.15 * apart, `${together} against ${apart}`);
});

test('failed trials teach nothing', () => {
  const trials = scored(40, (x) => ({ values: [x] }));
  const failed = trials.map((each) => trial({ ...each, number: 40 + each.number, state: 'failed', values: null }));
  assert.deepEqual(ask([...trials, ...failed]), ask(trials));
});

test('broken constraints keep it away, whatever the value', () => {
  const trials = scored(80, (x) => ({ values: [x], constraints: [0.4 - x] }));
  assert.ok(mean('x', trials) > 0.38);
});

test('pruned trials teach by their last report, after those that went further', () => {
  const early = (x: number): Partial<Trial> => ({ state: 'pruned', values: [x], reports: [{ step: 1, values: [x] }] });
  assert.ok(mean('x', scored(60, early)) < 0.2);
  // Far ones are near 1 and look bad only beside values of an earlier step.
  const mixed = scored(60, (x) =>
    x > 0.7 ? { state: 'pruned', values: [x], reports: [{ step: 3, values: [x] }] } : early(x),
  );
  assert.ok(mean('x', mixed) > 0.6);
});

test('a region where all trials were pruned is kept away from', () => {
  const even = scored(60, (x) =>
    x < 0.5 ? { values: [0.5] } : { state: 'pruned', values: [0.4], reports: [{ step: 1, values: [0.4] }] },
  );
  assert.ok(mean('x', even) < 0.4);
});

test('two objectives: suggestions lie near the front and go along all of it', () => {
  const directions: Direction[] = ['minimize', 'maximize'];
  // The front is y = 0, where x is the trade-off.
  const valuesAt = (x: number, y: number) => [x + y, x - y];
  const trials = scored(40, (x, y) => ({ values: valuesAt(x, y) }));
  for (let number = 40; number < 160; number++) {
    const parameters = ask(trials, { directions, random: createRandom(number) })[0]!;
    trials.push(trial({ number, parameters, values: valuesAt(parameters.x as number, parameters.y as number) }));
  }
  const late = trials.slice(60).map(({ parameters }) => parameters as { x: number; y: number });
  assert.ok(late.reduce((sum, { y }) => sum + y, 0) / late.length < 0.1);
  for (const part of [0, 1, 2, 3]) {
    const there = late.filter(({ x }) => Math.min(Math.floor(4 * x), 3) === part).length;
    assert.ok(there >= 10, `${there} of 100 points in quarter ${part}`);
  }
});

test('of a front that is larger than a tenth, the good ones are spread over it', () => {
  const directions: Direction[] = ['minimize', 'maximize'];
  // So few that age does not matter.
  const trials = Array.from({ length: 27 }, (_, i) =>
    trial({ number: i, parameters: { x: i / 26, y: 0.5 }, values: [i, i] }),
  );
  const xs = Array.from(
    { length: 40 },
    (_, seed) => ask(trials, { directions, random: createRandom(seed) })[0]!.x as number,
  );
  assert.ok(xs.some((x) => x < 0.3) && xs.some((x) => x > 0.7), xs.join());
});

test('choices and integers are learnt', () => {
  const space: Space = { kind: { kind: 'categorical', choices: ['a', 'b', 'c'] }, n: { kind: 'int', low: 1, high: 9 } };
  const points = randomSampler().suggest({
    space,
    directions: ['minimize'],
    trials: [],
    count: 60,
    random: createRandom(1),
  });
  const trials = points.map((parameters, number) =>
    trial({ number, parameters, values: [(parameters.kind === 'b' ? 0 : 5) + Math.abs((parameters.n as number) - 7)] }),
  );
  const asked = Array.from({ length: 40 }, (_, seed) => ask(trials, { space, random: createRandom(seed) })[0]!);
  assert.ok(asked.filter(({ kind }) => kind === 'b').length > 30);
  assert.ok(asked.filter(({ n }) => Math.abs((n as number) - 7) <= 1).length > 25);
});

test('trials outside of the space teach nothing', () => {
  const trials = scored(60, (x) => ({ values: [x] }));
  const outside = Array.from({ length: 30 }, (_, i) =>
    trial({ number: 60 + i, parameters: { x: 2, y: 0.5 }, values: [-9] }),
  );
  assert.deepEqual(ask([...trials, ...outside]), ask(trials));
});
