/** What every sampler promises, whatever its method. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRandom } from '../../lib/random.ts';
import type { SampleRequest } from '../../lib/search/sampler.ts';
import { createSampler, samplerNames } from '../../lib/search/samplers/create.ts';
import type { Direction, Parameters, Space } from '../../lib/search/space.ts';
import { trial } from '../helpers/trial.ts';
import type { Trial, TrialState } from '../../lib/search/trial.ts';
import { unitCube } from '../../lib/search/unit-cube.ts';

const mixed: Space = {
  rate: { kind: 'float', low: 1e-7, high: 1e-3, log: true },
  decay: { kind: 'float', low: 0, high: 0.1 },
  epochs: { kind: 'int', low: 1, high: 5 },
  width: { kind: 'int', low: 1, high: 512, log: true },
  schedule: { kind: 'categorical', choices: ['linear', 'constant', 2, true] },
};

/** What a sampler cannot do: it refuses it, and says what can. */
const refused: Readonly<Record<string, readonly ('choices' | 'objectives')[]>> = {
  'cma-es': ['choices', 'objectives'],
};

/** The mixed space, without choices where the sampler has none. */
function mixedFor(name: string): Space {
  return Object.fromEntries(
    Object.entries(mixed).filter(([, { kind }]) => kind !== 'categorical' || !refused[name]?.includes('choices')),
  );
}

const continuous: Space = {
  a: { kind: 'float', low: -1, high: 1 },
  b: { kind: 'float', low: 1e-6, high: 1e-2, log: true },
  c: { kind: 'float', low: 5, high: 6 },
};

const spaces: Readonly<Record<string, Space>> = {
  continuous,
  'one dimension': { only: { kind: 'float', low: 0, high: 1 } },
  'dimensions of one point': {
    fixed: { kind: 'float', low: 2e-5, high: 2e-5, log: true },
    three: { kind: 'int', low: 3, high: 3 },
    same: { kind: 'categorical', choices: ['same'] },
    free: { kind: 'float', low: 0, high: 1 },
  },
  'nothing free': { fixed: { kind: 'float', low: 1, high: 1 }, same: { kind: 'categorical', choices: [false] } },
  'integers alone': { n: { kind: 'int', low: 0, high: 1 }, m: { kind: 'int', low: -3, high: 3 } },
  'names that objects have': Object.fromEntries([
    ['constructor', { kind: 'float', low: 0, high: 1 }],
    ['toString', { kind: 'int', low: 1, high: 9 }],
  ] as const),
};

const withChoices: Readonly<Record<string, Space>> = {
  mixed,
  'choices alone': {
    one: { kind: 'categorical', choices: ['a', 'b'] },
    two: { kind: 'categorical', choices: [1, 2, 3] },
  },
};

/** Trials at random points, with scores that depend on them. */
function history(
  space: Space,
  count: number,
  change: (number: number) => Partial<Trial> = () => ({}),
  objectives = 1,
): Trial[] {
  const request = { space, directions: ['minimize' as const], trials: [], count, random: createRandom(11) };
  const cube = unitCube(space);
  return createSampler('random')
    .suggest(request)
    .map((parameters, number) => {
      const point = cube.toPoint(parameters);
      const sum = point.unit.reduce((a, b) => a + b, 0) + point.choices.reduce((a, b) => a + b, 0);
      const values = Array.from({ length: objectives }, (_, k) => Math.sin(sum + k));
      return trial({ number, parameters, values, ...change(number) });
    });
}

const unfinished = (state: TrialState): Partial<Trial> => ({ state, values: null, finished: null });
const pruned = (number: number): Partial<Trial> => {
  const reports = Array.from({ length: number % 3 }, (_, i) => ({ step: i + 1, values: [number / 7 - i] }));
  return { state: 'pruned', reports, values: reports.at(-1)?.values ?? null };
};

/** Studies as they may stand when a sampler is asked. */
const histories: Readonly<Record<string, (space: Space) => Trial[]>> = {
  'no trials': () => [],
  'one trial': (space) => history(space, 1),
  'only failed trials': (space) => history(space, 15, () => ({ state: 'failed', values: null, error: 'lost' })),
  'only running trials': (space) => history(space, 15, () => unfinished('running')),
  'complete trials': (space) => history(space, 25),
  'equal values': (space) => history(space, 25, () => ({ values: [0.5] })),
  'very large and very small values': (space) =>
    history(space, 25, (i) => ({ values: [i % 2 === 0 ? 1e300 : -1e-300] })),
  'pruned trials among complete ones': (space) => history(space, 25, (i) => (i % 2 === 0 ? {} : pruned(i))),
  'only pruned trials': (space) => history(space, 25, pruned),
  'running, waiting and failed trials among complete ones': (space) =>
    history(space, 30, (i) => (i < 18 ? {} : unfinished((['running', 'waiting', 'failed'] as const)[i % 3]!))),
  'constraints, some broken': (space) => history(space, 25, (i) => ({ constraints: [i % 3 === 0 ? 0.5 : -1, -i] })),
  'constraints, all broken': (space) => history(space, 25, (i) => ({ constraints: [1 + i] })),
  'values that are not finite': (space) =>
    history(space, 25, (i) => (i % 4 === 0 ? { values: [[NaN, Infinity, -Infinity][i % 3]!] } : {})),
  'enqueued and attached trials, one outside of the space': (space) => [
    ...history(space, 25, (i) => ({ origin: i % 2 === 0 ? 'enqueued' : 'attached' })).slice(0, 24),
    { ...history(space, 25)[24]!, parameters: { elsewhere: 1 }, origin: 'attached' },
  ],
};

function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(frozen);
  }
  return value;
}

function ask(name: string, request: Partial<SampleRequest> & { space: Space; seed?: number }): readonly Parameters[] {
  const { seed = 1, ...others } = request;
  return createSampler(name).suggest({
    directions: ['maximize'],
    trials: [],
    count: 1,
    random: createRandom(seed),
    ...others,
  });
}

function assertWithin(points: readonly Parameters[], space: Space, count: number): void {
  const cube = unitCube(space);
  assert.equal(points.length, count);
  for (const point of points) {
    assert.deepEqual(Object.keys(point), Object.keys(space));
    assert.ok(cube.contains(point), JSON.stringify(point));
  }
}

function assertRefused(call: () => unknown, message: RegExp): void {
  assert.throws(call, (error: Error & { code?: string; remedy?: string }) => {
    assert.equal(error.code, 'ERR_INVALID_OPTION', String(error));
    assert.match(error.message, message);
    assert.ok(error.remedy);
    return true;
  });
}

for (const name of samplerNames) {
  const space = mixedFor(name);

  for (const [situation, make] of Object.entries(histories))
    test(`${name}: ${situation}: as many points as asked for, within the space`, () => {
      const trials = frozen(make(space));
      for (const count of [1, 3]) assertWithin(ask(name, { space, trials, count }), space, count);
    });

  for (const [kind, searched] of Object.entries({ ...spaces, ...withChoices }))
    test(`${name}: ${kind}: points within the space, with and without trials`, () => {
      const points = (known: number) => ask(name, { space: searched, trials: history(searched, known), count: 2 });
      if (refused[name]?.includes('choices') && Object.hasOwn(withChoices, kind))
        for (const known of [0, 25]) assertRefused(() => points(known), /categorical/);
      else for (const known of [0, 25]) assertWithin(points(known), searched, 2);
    });

  test(`${name}: the same request gives the same points`, () => {
    const trials = histories['running, waiting and failed trials among complete ones']!(space);
    const first = ask(name, { space, trials, count: 3 });
    assert.deepEqual(ask(name, { space, trials, count: 3 }), first);
    assert.deepEqual(ask(name, { space, trials: structuredClone(trials), count: 3 }), first);
    const reordered = trials.map((each) => ({
      ...each,
      parameters: Object.fromEntries(Object.entries(each.parameters).reverse()),
    }));
    assert.deepEqual(ask(name, { space, trials: reordered, count: 3 }), first);
  });

  test(`${name}: one sampler asked twice keeps nothing from the first time`, () => {
    const sampler = createSampler(name);
    const request = (searched: Space, count: number, known: number) => ({
      space: searched,
      directions: ['maximize' as Direction],
      trials: history(searched, known),
      count,
      random: createRandom(3),
    });
    const first = sampler.suggest(request(space, 2, 20));
    sampler.suggest(request(continuous, 3, 15));
    assert.deepEqual(sampler.suggest(request(space, 2, 20)), first);
  });

  test(`${name}: the eight points of a batch are different, from each other and from those tried`, () => {
    for (const known of [0, 25]) {
      const trials = history(continuous, known);
      const points = [
        ...trials.map(({ parameters }) => parameters),
        ...ask(name, { space: continuous, trials, count: 8 }),
      ];
      assert.equal(new Set(points.map((point) => JSON.stringify(Object.values(point)))).size, known + 8);
    }
  });

  test(`${name}: several objectives: points within the space, or a refusal that says so`, () => {
    const directions: Direction[] = ['maximize', 'minimize'];
    const trials = history(space, 25, (i) => (i % 5 === 0 ? { ...pruned(i), values: null } : {}), 2);
    const points = () => ask(name, { space, directions, trials, count: 3 });
    if (refused[name]?.includes('objectives')) assertRefused(points, /objective/);
    else assertWithin(points(), space, 3);
  });

  test(`${name}: goes on to other points as trials are finished`, () => {
    let trials: Trial[] = [];
    const seen = new Set<string>();
    for (let number = 0; number < 24; number++) {
      const parameters = ask(name, { space: continuous, trials, seed: number })[0]!;
      seen.add(JSON.stringify(parameters));
      trials = [...trials, { ...history(continuous, 1)[0]!, number, parameters, values: [parameters.a as number] }];
    }
    // One that has found the best corner may look there again.
    assert.ok(seen.size >= 12, `${seen.size} of 24 points are different`);
  });
}
