import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRandom } from '../../../../lib/random.ts';
import { observations } from '../../../../lib/search/samplers/gp/observations.ts';
import { gpSampler } from '../../../../lib/search/samplers/gp.ts';
import { sobolSampler } from '../../../../lib/search/samplers/sobol.ts';
import type { Direction, Parameters, Space } from '../../../../lib/search/space.ts';
import type { Trial } from '../../../../lib/search/trial.ts';
import { unitCube } from '../../../../lib/search/unit-cube.ts';
import { trial } from '../../../helpers/trial.ts';

const space: Space = {
  a: { kind: 'float', low: -5, high: 5 },
  b: { kind: 'float', low: 1e-7, high: 1e-3, log: true },
};
const directions: readonly Direction[] = ['minimize'];

/** Lowest, 0, at a = 1 and b = 1e-5. */
function bowl({ a, b }: Parameters): number {
  return (Number(a) - 1) ** 2 + (Math.log10(Number(b)) + 5) ** 2;
}

/** A study of `count` trials, `batch` at a time. */
function search(
  outcome: (parameters: Parameters) => Partial<Trial>,
  { count = 25, batch = 1, directions: wanted = directions } = {},
): Trial[] {
  const trials: Trial[] = [];
  while (trials.length < count) {
    const random = createRandom(1, trials.length);
    const points = gpSampler().suggest({ space, directions: wanted, trials, count: batch, random });
    for (const parameters of points) trials.push(trial({ number: trials.length, parameters, ...outcome(parameters) }));
  }
  return trials;
}

function least(trials: readonly Trial[]): number {
  return Math.min(...trials.map(({ values }) => values![0]!));
}

test('the first ten trials are of a Sobol sequence, the eleventh is not', () => {
  const trials = search((p) => ({ values: [bowl(p)] }), { count: 11 });
  const even = sobolSampler().suggest({ space, directions, trials: [], count: 11, random: createRandom(1) });
  assert.deepEqual(
    trials.slice(0, 10).map(({ parameters }) => parameters),
    even.slice(0, 10),
  );
  assert.notDeepEqual(trials[10]!.parameters, even[10]);
});

test('a smooth minimum is found to many digits, one at a time and in batches', () => {
  assert.ok(least(search((p) => ({ values: [bowl(p)] }))) < 1e-3);
  assert.ok(least(search((p) => ({ values: [bowl(p)] }), { count: 34, batch: 8 })) < 1e-2);
});

test('the other direction finds the maximum', () => {
  const trials = search((p) => ({ values: [-bowl(p)] }), { directions: ['maximize'] });
  assert.ok(Math.max(...trials.map(({ values }) => values![0]!)) > -1e-3);
});

test('the points of a batch keep apart', () => {
  const trials = search((p) => ({ values: [bowl(p)] }), { count: 15 });
  const cube = unitCube(space);
  const batch = gpSampler()
    .suggest({ space, directions, trials, count: 4, random: createRandom(5) })
    .map((parameters) => cube.toPoint(parameters).unit);
  batch.forEach((a, i) =>
    batch.slice(i + 1).forEach((b) => assert.ok(Math.hypot(a[0]! - b[0]!, a[1]! - b[1]!) > 1e-3, `${a} ${b}`)),
  );
});

test('running trials are kept away from', () => {
  const trials = search((p) => ({ values: [bowl(p)] }), { count: 12 });
  const ask = (more: readonly Trial[]) =>
    gpSampler().suggest({ space, directions, trials: [...trials, ...more], count: 1, random: createRandom(5) })[0]!;
  const alone = ask([]);
  const beside = ask([trial({ number: 12, parameters: alone, state: 'running', values: null, finished: null })]);
  const cube = unitCube(space);
  const [a, b] = [cube.toPoint(alone).unit, cube.toPoint(beside).unit];
  assert.ok(Math.hypot(a[0]! - b[0]!, a[1]! - b[1]!) > 0.02, `${a} ${b}`);
});

test('noise does not keep it from the minimum', () => {
  const noise = createRandom(9);
  const trials = search((p) => ({ values: [bowl(p) + 2 * (noise.float() - 0.5)] }), { count: 40 });
  const late = trials
    .slice(30)
    .map(({ parameters }) => bowl(parameters))
    .sort((x, y) => x - y);
  assert.ok(late[5]! < 1, `${late}`);
});

test('constraints: most late trials keep them, the best lies at their border', () => {
  // a <= -1 is allowed: the lowest value there is 4.
  const trials = search((p) => ({ values: [bowl(p)], constraints: [Number(p['a']) + 1] }), { count: 30 });
  const allowed = trials.filter(({ constraints }) => constraints![0]! <= 0);
  assert.ok(least(allowed) < 4.1, `${least(allowed)}`);
  const late = trials.slice(15);
  assert.ok(late.filter(({ constraints }) => constraints![0]! <= 0.05).length > 0.6 * late.length);
});

test('two objectives: suggestions spread over the front', () => {
  // The front is a from -2 to 2 with b = 1e-5.
  const both = ({ a, b }: Parameters) => {
    const rest = (Math.log10(Number(b)) + 5) ** 2;
    return [(Number(a) + 2) ** 2 + rest, (Number(a) - 2) ** 2 + rest];
  };
  const trials = search((p) => ({ values: both(p) }), { count: 35, directions: ['minimize', 'minimize'] });
  const onFront = trials.slice(10).filter(({ parameters: { b } }) => (Math.log10(Number(b)) + 5) ** 2 < 0.05);
  const places = onFront.map(({ parameters: { a } }) => Number(a));
  assert.ok(onFront.length > 10, `${onFront.length}`);
  for (const [low, high] of [
    [-2.3, -0.8],
    [-0.8, 0.8],
    [0.8, 2.3],
  ] as const)
    assert.ok(
      places.some((a) => a > low && a < high),
      `${places}`,
    );
});

test('pruned trials count: those scored at the last step as they are, others with a forecast', () => {
  const parameters = { a: 0, b: 1e-5 };
  const reports = (step: number) => [{ step, values: [step] }];
  const trials = [
    trial({ number: 0, parameters, values: [3], reports: reports(3) }),
    trial({ number: 1, parameters, state: 'pruned', values: [1], reports: reports(1) }),
    trial({ number: 2, parameters, state: 'pruned', values: [3], reports: reports(3) }),
    trial({ number: 3, parameters, state: 'failed', values: null }),
    trial({ number: 4, parameters, state: 'pruned', values: null }),
    trial({ number: 5, parameters: { a: 9, b: 1e-5 }, values: [1], reports: reports(3) }),
    trial({ number: 6, parameters, values: [Number.NaN], reports: reports(3) }),
    trial({ number: 7, parameters, values: [4], reports: [...reports(1), ...reports(3)] }),
  ];
  const seen = observations(trials, ['maximize'], unitCube(space));
  assert.deepEqual(
    seen.map(({ losses, deviations }) => [...losses, deviations === null]),
    [
      [-3, true],
      // Trial 7 went from 1 to 4.
      [-4, false],
      [-3, true],
      [-4, true],
    ],
  );
});

const unit: Space = { x: { kind: 'float', low: 0, high: 1 }, y: { kind: 'float', low: 0, high: 1 } };
const even = sobolSampler().suggest({ space: unit, directions, trials: [], count: 40, random: createRandom(1) });

/** Trials that all went from 2 + x to x where they were not ended early. */
function slopes(stateAt: (x: number) => Trial['state']): Trial[] {
  return even.map((parameters, number) => {
    const x = Number(parameters['x']);
    const [state, reports] = [stateAt(x), [{ step: 1, values: [2 + x] }]];
    return trial({ number, parameters, state, values: state === 'complete' ? [x] : reports[0]!.values, reports });
  });
}

test('a region where all trials were pruned is kept away from', () => {
  // The slope is hidden: below 0.5 all ends are the same.
  const trials = slopes((x) => (x < 0.5 ? 'complete' : 'pruned')).map((each) =>
    each.state === 'complete' ? { ...each, values: [0.2], reports: [{ step: 1, values: [2.2] }] } : each,
  );
  const farIn = (known: readonly Trial[]) =>
    gpSampler()
      .suggest({ space: unit, directions, trials: known, count: 6, random: createRandom(3) })
      .filter(({ x }) => Number(x) > 0.6).length;
  assert.ok(farIn(trials.filter(({ state }) => state === 'complete')) >= 2);
  assert.equal(farIn(trials), 0);
});

test('with nothing but pruned trials it goes where they were the least bad', () => {
  const points = gpSampler().suggest({
    space: unit,
    directions,
    trials: slopes(() => 'pruned'),
    count: 4,
    random: createRandom(3),
  });
  assert.ok(
    points.every(({ x }) => Number(x) < 0.2),
    JSON.stringify(points),
  );
});

test('choices and integers: the best of them is found', () => {
  const mixed: Space = {
    kind: { kind: 'categorical', choices: ['x', 'y', 'z'] },
    n: { kind: 'int', low: 1, high: 12 },
    a: { kind: 'float', low: 0, high: 1 },
  };
  const f = ({ kind, n, a }: Parameters) =>
    (kind === 'y' ? 0 : 1) + 0.1 * (Number(n) - 9) ** 2 + (Number(a) - 0.3) ** 2;
  const trials: Trial[] = [];
  for (let number = 0; number < 30; number++) {
    const request = { space: mixed, directions, trials, count: 1, random: createRandom(2, number) };
    const [parameters] = gpSampler().suggest(request);
    trials.push(trial({ number, parameters: parameters!, values: [f(parameters!)] }));
  }
  assert.ok(least(trials) < 0.01, `${least(trials)}`);
});
