import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isLrdistError } from '../../lib/errors.ts';
import { knownDistributions, knownPoints } from '../../lib/pair-search/known-points.ts';
import { objectiveForms, readObjective } from '../../lib/pair-search/objective.ts';
import { headRange, rateRange, rateSpace, type RateSpaceOptions } from '../../lib/pair-search/rate-space.ts';
import { pairSpec } from '../../lib/pair-search/spec.ts';
import { trialTable } from '../../lib/pair-search/trial-table.ts';
import { flat, ratesAt } from '../../lib/rates/distribution.ts';
import { parametrisations } from '../../lib/rates/parametrisations/index.ts';
import { formatTrialTable, parseTrialTable } from '../../lib/rates/trial-table.ts';
import type { FloatParameter, Parameters, Space } from '../../lib/search/space.ts';
import type { StoredStudy } from '../../lib/search/storage/storage.ts';
import type { Trial } from '../../lib/search/trial.ts';

const refused = (action: () => unknown, code: string, text: RegExp): void => {
  assert.throws(
    action,
    (error) => isLrdistError(error) && error.code === code && text.test(`${error.message} ${error.remedy}`),
  );
};

/** A point of a space by shares of its ranges. */
function pointOf(space: Space, shares: readonly number[]): Parameters {
  return Object.fromEntries(
    Object.entries(space).map(([name, parameter], i) => {
      const { low, high, log = false, kind } = parameter as Omit<FloatParameter, 'kind'> & { kind: string };
      const t = shares[i % shares.length]!;
      const value = log ? low * (high / low) ** t : low + t * (high - low);
      return [name, kind === 'int' ? Math.round(value) : Math.min(Math.max(value, low), high)];
    }),
  );
}

const forms = [
  'flat',
  'free',
  'geometric',
  'polynomial:2',
  'knots:3',
  'spline:3',
  'multipliers',
  'ordered',
  'ordered:falling',
  'bounded:2',
];

test('every parametrisation is a space: points decode to usable rates, within the ranges where they are rates', () => {
  assert.deepEqual(new Set(forms.map((form) => form.split(':')[0])), new Set(Object.keys(parametrisations)));
  fc.assert(
    fc.property(
      fc.constantFrom(...forms),
      fc.constantFrom(2, 6, 12),
      fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 3, maxLength: 7 }),
      (parametrisation, layers, shares) => {
        const space = rateSpace({ layers, parametrisation });
        const { distribution } = space.decode(pointOf(space.space, shares), 'x');
        const rates = ratesAt(distribution);
        assert.equal(rates.length, layers + 2);
        assert.ok(rates.every((rate) => rate > 0 && rate <= 1));
        if (parametrisation === 'free') {
          assert.ok(rates.slice(0, -1).every((rate) => rate >= rateRange[0] && rate <= rateRange[1]));
          assert.ok(rates.at(-1)! >= headRange[0] && rates.at(-1)! <= headRange[1]);
        }
      },
    ),
  );
});

test('what a space can express comes back as it was; flat rates exactly', () => {
  for (const parametrisation of forms) {
    const space = rateSpace({ layers: 6, parametrisation });
    const { parameters, factor } = space.encode(flat(1e-5, 6));
    // An ordered profile has no step of exactly 0 within its range.
    if (parametrisation.startsWith('ordered')) {
      assert.ok(factor < 1.02, parametrisation);
      continue;
    }
    assert.ok(factor < 1 + 1e-8, parametrisation);
    assert.deepEqual([...new Set(ratesAt(space.decode(parameters, 'x').distribution))], [1e-5], parametrisation);
  }
  const free = rateSpace({ layers: 6 });
  const { points, left } = knownPoints(free, knownDistributions(6, 1e-4));
  assert.deepEqual(left, []);
  assert.equal(points[0]!.distribution.name, 'flat@1e-5');
  for (const { distribution, parameters } of points)
    assert.ok(ratesAt(free.decode(parameters, 'x').distribution).length > 0 && distribution.name !== '');
  const flatOnly = knownPoints(rateSpace({ layers: 6, parametrisation: 'flat' }), knownDistributions(6, 1e-4));
  assert.equal(flatOnly.points.length, 5);
  assert.ok(flatOnly.left.some((name) => name.startsWith('fast-head')));
  const narrow = knownPoints(rateSpace({ layers: 6, rates: [5e-5, 5e-4] }), knownDistributions(6, 1e-4));
  assert.ok(narrow.left.includes('flat@1e-5') && !narrow.left.includes('flat@1e-4'));
});

test('dimensions beside the rates, and rates of their own for both stages', () => {
  const space = rateSpace({
    layers: 2,
    stages: 'own',
    weightDecay: [1e-3, 1e-1],
    warmupRatio: [0, 0.3],
    epochs: [1, 4],
    penalty: [1, 1e4],
  });
  const point = pointOf(space.space, [0.5, 0.25, 0.8]);
  const candidate = space.decode(point, 'x');
  assert.equal(candidate.distribution.stages.length, 2);
  assert.notDeepEqual(candidate.distribution.stages[0], candidate.distribution.stages[1]);
  assert.deepEqual(
    [candidate.weightDecay, candidate.warmupRatio, candidate.epochs, candidate.penalty],
    [point['weight_decay'], point['warmup_ratio'], point['num_train_epochs'], point['penalty']],
  );
  assert.ok(Number.isInteger(candidate.epochs));
  const { parameters } = space.encode(flat(1e-4, 2));
  assert.deepEqual(Object.keys(parameters), Object.keys(space.space));
});

test('ranges that cannot be are refused', () => {
  const make = (options: Partial<RateSpaceOptions>) => () => rateSpace({ layers: 2, ...options });
  refused(make({ ranges: { lr_nose: [1, 2] } }), 'ERR_INVALID_OPTION', /no dimension "lr_nose".*lr_embeddings/s);
  refused(make({ ranges: { lr_heads: [1e-3, 1e-5] } }), 'ERR_INVALID_OPTION', /low <= high/);
  refused(make({ rates: [0, 1e-3] }), 'ERR_INVALID_OPTION', /above 0/);
  refused(make({ rates: [1e-5, 2] }), 'ERR_INVALID_OPTION', /lr_embeddings/);
  refused(make({ rates: [NaN, 1e-3] }), 'ERR_INVALID_OPTION', /received NaN/);
  refused(make({ parametrisation: 'fre' }), 'ERR_INVALID_OPTION', /free/);
  refused(make({ grouping: 'depth:50' }), 'ERR_INVALID_OPTION', /50/);
});

const accuracy = (task: string) => ({ task, metric: 'accuracy', chance: 0.5 });
const scores = { before: 0.8, p_s: 0.9, p_o: 0.7, forgetting: 0.1, objective: 1.6 };

test('objectives', () => {
  const metrics = [accuracy('a'), accuracy('b')] as const;
  const of = (name: string): readonly number[] => readObjective(name).values(scores, metrics);
  assert.deepEqual(of('sum'), [0.7 + 0.9]);
  assert.ok(Math.abs(of('weighted:0.25')[0]! - (0.25 * 0.4 + 0.75 * 0.8)) < 1e-12);
  assert.deepEqual(of('pareto'), [0.9, 0.7]);
  assert.deepEqual(of('pareto3'), [0.9, 0.7, 0.8]);
  const constrained = readObjective('constrained:0.9');
  assert.deepEqual(constrained.values(scores, metrics), [0.9]);
  assert.ok(Math.abs(constrained.constraints!(scores)[0]! - (0.72 - 0.7)) < 1e-12);
  for (const wrong of ['summ', 'weighted', 'weighted:2', 'constrained:-1', 'sum:1', ''])
    refused(() => readObjective(wrong), 'ERR_INVALID_OPTION', new RegExp(objectiveForms[0]!));
});

test('a specification: defaults, the published habits, and slips', () => {
  const given = { model: 'm', dataDir: 'd', tasks: ['a', 'b'] as const };
  assert.deepEqual(pairSpec(given).space, { grouping: 'layer', parametrisation: 'free', ranges: {}, stages: 'same' });
  const paper = pairSpec({ ...given, protocol: 'paper', training: { epochs: 5 } });
  assert.equal(paper.mode, 'paper');
  assert.equal(paper.training.epochs, 5);
  assert.equal(paper.training.loss, 'double-softmax');
  assert.equal(paper.session['pool'], 'cls');
  assert.deepEqual(pairSpec(JSON.parse(JSON.stringify(paper)) as typeof given), paper);
  refused(() => pairSpec({ ...given, maxTrainSample: 3 } as never), 'ERR_UNKNOWN_OPTION', /maxTrainSamples/);
  refused(() => pairSpec({ ...given, tasks: ['a'] } as never), 'ERR_INVALID_OPTION', /tasks/);
});

test('a trial table of a study, which combine reads', () => {
  const study = {
    name: 's',
    seed: 0,
    protocol: {
      tasks: ['qnli', 'sst2'],
      groups: ['body', 'heads'],
      model: 'abc',
      layers: 2,
      mode: 'keep',
      space: { grouping: 'depth:2' },
      split: 'selection',
      training: { epochs: 4 },
    },
  } as unknown as StoredStudy;
  const trial = (number: number, state: string, attributes: object) =>
    ({ number, state, attributes }) as unknown as Trial;
  const rates = [{ body: 1e-5, heads: 1e-3 }];
  const table = trialTable(study, [
    trial(0, 'complete', { rates, before: 0.7, p_s: 0.8, p_o: 0.6, seed: 5 }),
    trial(1, 'pruned', { rates, p_s: 0.5 }),
    trial(2, 'failed', {}),
    trial(3, 'running', {}),
  ]);
  assert.equal(table.rows.length, 3);
  const text = formatTrialTable(table, 'csv');
  assert.match(text, /^pair,seed,lr_body,lr_heads,before,p_s,p_o,state,/);
  const read = parseTrialTable(text, { source: 'x.csv', format: 'csv' });
  assert.deepEqual(
    read.rows.map(({ pair, state, rates: r, scores: s }) => [pair, state, r, s]),
    [
      ['qnli->sst2', 'complete', [1e-5, 1e-3], { before: 0.7, p_s: 0.8, p_o: 0.6 }],
      ['qnli->sst2', 'pruned', [1e-5, 1e-3], {}],
      ['qnli->sst2', 'failed', null, {}],
    ],
  );
  refused(() => trialTable({ ...study, protocol: {} }, []), 'ERR_PROTOCOL_MISMATCH', /not a search over a pair/);
});
