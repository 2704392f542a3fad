import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { forLayers } from '../../../lib/rates/convert.ts';
import { flat, ratesAt, type RateDistribution } from '../../../lib/rates/distribution.ts';
import { fromDocument, toDocument } from '../../../lib/rates/file.ts';
import { bertParameterNames } from '../../../lib/rates/names.ts';
import { phaseFactors, phaseSteps } from '../../../lib/rates/phases.ts';
import { buildPlan } from '../../../lib/rates/plan.ts';
import { findPreset, fromPreset } from '../../../lib/rates/presets.ts';
import { unfreezeGradually, unfreezingPhases } from '../../../lib/rates/unfreezing.ts';
import { byDepth } from './helpers.ts';

const probe: RateDistribution = {
  ...byDepth(2, [1e-5, 1e-4]),
  phases: [
    { from: 0, factors: { body: 0, heads: 10 } },
    { from: 0.25, factors: { body: 1, heads: 1 } },
  ],
};
const parameters = bertParameterNames({ layers: 2, heads: ['a'] }).map((name) => ({ name }));

test('a phase begins at its share of the steps and lasts to the next', () => {
  assert.deepEqual(phaseSteps([probe, flat(1e-5, 2)], 100), [0, 25]);
  assert.deepEqual(phaseSteps([flat(1e-5)], 100), [0]);
  for (const [step, factors] of [
    [0, [0, 10]],
    [24, [0, 10]],
    [25, [1, 1]],
    [99, [1, 1]],
  ] as const)
    assert.deepEqual([...phaseFactors(probe, step, 100)], factors, `step ${step}`);
  assert.deepEqual([...phaseFactors(flat(1e-5), 50, 100)], [1]);
  // So few steps that the phase would begin after the last one: it never does.
  assert.deepEqual(
    phaseSteps([{ ...probe, phases: [probe.phases![0]!, { ...probe.phases![1]!, from: 0.9 }] }], 3),
    [0],
  );
});

test('a plan of a phase has frozen rates of 0 and no decay there', () => {
  const at = (step: number): { rates: number[]; decay: number[] } => {
    const { rates, decay } = buildPlan(parameters, [probe, flat(2e-5, 2)], {
      weightDecay: 0.1,
      at: { step, total: 8 },
    });
    return { rates: [...rates], decay: [...decay] };
  };
  // Groups: body with and without decay, heads with and without decay, for both replicas.
  assert.deepEqual(at(1), { rates: [0, 0, 1e-3, 1e-3, 2e-5, 2e-5, 2e-5, 2e-5], decay: [0, 0, 0.1, 0, 0.1, 0, 0.1, 0] });
  assert.deepEqual(at(2), {
    rates: [1e-5, 1e-5, 1e-4, 1e-4, 2e-5, 2e-5, 2e-5, 2e-5],
    decay: [0.1, 0, 0.1, 0, 0.1, 0, 0.1, 0],
  });
});

test('a plan without steps refuses phases rather than leave them out', () => {
  assert.throws(() => buildPlan(parameters, [probe]), {
    code: 'ERR_RATES_ENCODE',
    message: /changes its rates during training/,
  });
});

test('files keep phases, and wrong ones are refused', () => {
  assert.deepEqual(fromDocument(JSON.parse(JSON.stringify(toDocument(probe)))), probe);
  const document = toDocument(probe);
  const [first, second] = probe.phases!;
  const broken: [phases: unknown, message: RegExp][] = [
    [[], /phases/],
    [[second], /begin at 0/],
    [[first, second, second], /phases\[2\]: "from" must rise/],
    [[{ from: 0, factors: { body: 1 } }], /no factor for "heads"/],
    [[{ from: 0, factors: { body: 1, heads: 1, x: 1 } }], /"x", which does not exist/],
    [[{ from: 0, factors: { body: 0, heads: 0 } }], /nothing would learn/],
    [[{ from: 1, factors: { body: 1, heads: 1 } }], /from/],
    [[{ from: 0, factors: { body: -1, heads: 1 } }], /factors/],
  ];
  for (const [phases, message] of broken)
    assert.throws(() => fromDocument(JSON.parse(JSON.stringify({ ...document, phases }))), {
      code: 'ERR_RATES_FILE',
      message,
    });
});

test('a shallower model keeps the phases of its groups', () => {
  const unfrozen = unfreezeGradually(fromPreset(findPreset('llrd-0.9')!, 4, 1e-4), 0.1);
  const mapped = forLayers(unfrozen, 2);
  assert.equal(mapped.phases!.length, 6);
  // Layer 0 of two covers layers 0 and 1: it waits until both have joined.
  assert.deepEqual(
    mapped.phases!.map(({ factors }) => factors['layer_0']),
    [0, 0, 0, 0, 1, 1],
  );
});

test('gradual unfreezing: heads first, one depth more each time, embeddings last', () => {
  const { phases, groups, ...rest } = unfreezeGradually(flat(1e-4, 3), 0.2);
  assert.deepEqual(
    groups.map(({ name }) => name),
    ['embeddings', 'layer_0', 'layer_1', 'layer_2', 'heads'],
  );
  assert.deepEqual(
    phases!.map(({ from, factors }) => [from, ...Object.values(factors)]),
    [
      [0, 0, 0, 0, 0, 1],
      [0.2, 0, 0, 0, 1, 1],
      [0.4, 0, 0, 1, 1, 1],
      [0.2 * 3, 0, 1, 1, 1, 1],
      [0.8, 1, 1, 1, 1, 1],
    ],
  );
  assert.deepEqual([...ratesAt({ ...rest, groups })], new Array<number>(5).fill(1e-4), 'rates are as they were');
});

test('whatever the groups, none leaves again, all have joined at the end, higher ones never later', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 2, maxLength: 12 }),
      fc.integer({ min: 1, max: 60 }),
      (depths, steps) => {
        const distinct = new Set(depths).size;
        fc.pre(distinct > 1);
        const names = depths.map((_, g) => `g${g}`);
        const distribution = {
          ...flat(1),
          groups: names.map((name) => ({ name, match: ['*'] })),
          phases: unfreezingPhases(names, depths, 0.9 / distinct),
        };
        let before = new Float64Array(names.length);
        for (let step = 0; step < steps; step++) {
          const factors = phaseFactors(distribution, step, steps);
          for (const [g, factor] of factors.entries()) {
            assert.ok(factor >= before[g]!);
            for (const [h, other] of factors.entries()) if (depths[g]! >= depths[h]!) assert.ok(factor >= other);
          }
          before = Float64Array.from(factors);
        }
        if (steps > 10 * distinct) assert.ok(before.every((factor) => factor === 1));
      },
    ),
  );
});

test('unfreezing that makes no sense is refused', () => {
  const llrd = fromPreset(findPreset('llrd-0.9')!, 4, 1e-4);
  for (const every of [0, -1, Number.NaN, 0.2, 1])
    assert.throws(() => unfreezeGradually(llrd, every), { code: 'ERR_INVALID_OPTION', message: /unfreeze/ });
  unfreezeGradually(llrd, 0.19);
  assert.throws(() => unfreezeGradually(probe, 0.1), { code: 'ERR_INVALID_OPTION', message: /already changes/ });
  assert.throws(() => unfreezingPhases(['a', 'b'], [1, 1], 0.1), { code: 'ERR_INVALID_OPTION', message: /one depth/ });
});
