import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { forLayers } from '../../../lib/rates/convert.ts';
import { hasWeightDecay } from '../../../lib/rates/decay.ts';
import { flat, ratesAt, type RateDistribution } from '../../../lib/rates/distribution.ts';
import { assign } from '../../../lib/rates/groups.ts';
import { bertParameterNames } from '../../../lib/rates/names.ts';
import { buildPlan } from '../../../lib/rates/plan.ts';
import { byDepth, distributionArbitrary, rateArbitrary } from './helpers.ts';

const names = bertParameterNames({ layers: 12, heads: ['a', 'b'], maskedLm: true });
const parameters = names.map((name) => ({ name }));

/** Groups that are not by depth. */
const biases: RateDistribution = {
  name: 'biases',
  layers: 12,
  groups: [
    { name: 'biases', match: ['*.bias'] },
    { name: 'rest', match: ['*'] },
  ],
  stages: [{ biases: 1e-3, rest: 1e-5 }],
  provenance: {},
};

test('each parameter of each replica keeps the rate and decay that its own distribution gives it', () => {
  const layers = 5;
  const list = bertParameterNames({ layers, heads: ['a'] });
  const distributions = fc.array(
    fc.oneof(distributionArbitrary(layers), distributionArbitrary(12), fc.constant({ ...biases, layers })),
    { minLength: 1, maxLength: 4 },
  );
  fc.assert(
    fc.property(distributions, fc.constantFrom(0, 0.01), (replicas, weightDecay) => {
      const plan = buildPlan(
        list.map((name) => ({ name })),
        replicas,
        { weightDecay },
      );
      assert.equal(plan.rates.length, replicas.length * plan.groups);
      for (const [k, replica] of replicas.entries()) {
        const mapped = forLayers(replica, layers);
        const groupOf = assign(list, mapped.groups);
        const rates = ratesAt(mapped);
        for (const [p, name] of list.entries()) {
          const g = plan.groupOf[p]!;
          const rate = rates[groupOf[p]!]!;
          assert.equal(plan.rates[k * plan.groups + g], rate);
          assert.equal(plan.decay[k * plan.groups + g], rate > 0 && hasWeightDecay(name) ? weightDecay : 0);
          assert.equal(plan.member[k]![g], groupOf[p]);
        }
      }
    }),
    { numRuns: 50 },
  );
});

test('merged groups are all used, distinct, and as few as can be', () => {
  fc.assert(
    fc.property(fc.array(distributionArbitrary(12), { minLength: 1, maxLength: 3 }), (replicas) => {
      const plan = buildPlan(parameters, replicas);
      assert.deepEqual(
        [...new Set(plan.groupOf)].sort((a, b) => a - b),
        Array.from({ length: plan.groups }, (_, g) => g),
      );
      const keys = Array.from({ length: plan.groups }, (_, g) => plan.member.map((member) => member[g]).join());
      assert.equal(new Set(keys).size, plan.groups);
    }),
    { numRuns: 50 },
  );
});

test('one distribution keeps its groups; weight decay splits them in two', () => {
  const distribution = byDepth(12, [1e-5, 2e-5, 3e-5]);
  const plan = buildPlan(parameters, [distribution]);
  assert.deepEqual(
    [plan.names, [...plan.rates], [...plan.decay]],
    [
      ['embeddings', 'layers_0-11', 'heads'],
      [1e-5, 2e-5, 3e-5],
      [0, 0, 0],
    ],
  );
  const split = buildPlan(parameters, [distribution], { weightDecay: 0.01 });
  assert.equal(split.groups, 6);
  assert.ok(split.names.includes('heads (no decay)'));
  const at = (name: string): [rate: number, decay: number] => {
    const g = split.groupOf[names.indexOf(name)]!;
    return [split.rates[g]!, split.decay[g]!];
  };
  assert.deepEqual(at('bert.embeddings.word_embeddings.weight'), [1e-5, 0.01]);
  assert.deepEqual(at('bert.embeddings.LayerNorm.weight'), [1e-5, 0]);
  assert.deepEqual(at('classifier.a.bias'), [3e-5, 0]);
});

test('distributions with other groupings meet in one refinement', () => {
  const plan = buildPlan(parameters, [flat(5e-5), byDepth(12, [1e-4, 1e-3]), biases]);
  assert.deepEqual(plan.names, ['all&body&rest', 'all&body&biases', 'all&heads&rest', 'all&heads&biases']);
  assert.deepEqual([...plan.rates], [5e-5, 5e-5, 5e-5, 5e-5, 1e-4, 1e-4, 1e-3, 1e-3, 1e-5, 1e-3, 1e-5, 1e-3]);
});

test('a constant table gives every parameter the flat rate, bit for bit', () => {
  fc.assert(
    fc.property(rateArbitrary, fc.integer({ min: 1, max: 14 }), (rate, n) => {
      const plan = buildPlan(parameters, [flat(rate), byDepth(12, new Array<number>(n).fill(rate))]);
      assert.ok(plan.rates.every((value) => value === rate));
    }),
  );
});

test('stages and decay by replica', () => {
  const staged: RateDistribution = { ...flat(1e-5), stages: [{ all: 1e-5 }, { all: 2e-5 }] };
  assert.deepEqual([...buildPlan(parameters, [staged, flat(3e-5)], { stage: 1 }).rates], [2e-5, 3e-5]);
  const plan = buildPlan(parameters, [flat(1e-5), flat(1e-5)], { weightDecay: [0, 0.1] });
  assert.deepEqual([...plan.decay], [0, 0, 0.1, 0]);
  assert.throws(() => buildPlan(parameters, [flat(1e-5)], { weightDecay: [0, 0.1] }), { code: 'ERR_INVALID_OPTION' });
  assert.throws(() => buildPlan(parameters, [flat(1e-5)], { weightDecay: Number.NaN }), {
    code: 'ERR_INVALID_OPTION',
    message: /weight_decay/,
  });
  assert.throws(() => buildPlan(parameters, []), { code: 'ERR_INVALID_OPTION' });
});

test('a distribution for another depth is mapped, and never swallows the upper layers as heads', () => {
  const rates = [1e-6, 2e-6, 3e-6, 4e-6, 5e-6, 6e-6, 7e-6, 8e-6, 9e-6, 1e-4];
  const deep = bertParameterNames({ layers: 24 });
  const plan = buildPlan(
    deep.map((name) => ({ name })),
    [byDepth(12, rates)],
  );
  assert.equal(plan.rates[plan.groupOf[deep.indexOf('bert.encoder.layer.23.output.dense.weight')]!], 9e-6);
  assert.throws(
    () =>
      buildPlan(
        deep.map((name) => ({ name })),
        [biases],
      ),
    { code: 'ERR_INVALID_OPTION', message: /24/ },
  );
});
