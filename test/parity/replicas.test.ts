// Penalties and transforms by replica, and those of strength 0: bit for bit what they are alone, or what plain training is.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NativePenalty, NativePlan, NativeTransform } from '../../lib/native/boundary.ts';
import { assertSame } from './helpers/pulls.ts';
import {
  anchoredBody,
  openTiny,
  planOf,
  randomValues,
  severalBatches,
  slotOf,
  take,
  type Tiny,
  train,
} from './helpers/tiny.ts';
import { assertSameNumbers } from '../helpers/device.ts';

interface Recipe {
  readonly penalty?: NativePenalty;
  readonly transform?: NativeTransform;
}

const none = { kind: 'none' } as const;

/** Slots 0 and 1 of every session below. */
async function makeSlots({ session }: Tiny): Promise<void> {
  assert.equal(await slotOf(session, randomValues(session, 9)), 0);
  assert.equal(await slotOf(session, randomValues(session, 31, 0, 2)), 1);
}

async function trained(tiny: Tiny, recipes: readonly Recipe[], change: Partial<NativePlan> = {}) {
  const { session } = tiny;
  session.setPlan(
    planOf(session, {
      rates: new Float64Array(recipes.length).fill(0.01),
      decay: new Float64Array(recipes.length).fill(0.05),
      anchored: anchoredBody(session),
      ...(recipes.some(({ penalty }) => penalty) ? { penalties: recipes.map(({ penalty }) => penalty ?? none) } : {}),
      ...(recipes.some(({ transform }) => transform)
        ? { transforms: recipes.map(({ transform }) => transform ?? none) }
        : {}),
      ...change,
    }),
  );
  return train(tiny, { batches: severalBatches(4), factor: 1, clipNorm: 1, stepOffset: 3 });
}

const recipes: readonly Recipe[] = [
  {},
  { penalty: { kind: 'l2-sp', anchor: 0, strength: 0.7, headStrength: 0.3 } },
  { penalty: { kind: 'l2-sp', anchor: 0, strength: 0.1, headStrength: 0 } },
  { penalty: { kind: 'ewc', anchor: 0, fisher: 1, strength: 2 } },
  { penalty: { kind: 'recadam', anchor: 0, strength: 40, slope: 0.5, midpoint: 3 } },
  { transform: { kind: 'mixout', anchor: 0, probability: 0.3 } },
  { transform: { kind: 'mixout', anchor: 0, probability: 0.6 } },
  { transform: { kind: 'child-f', probability: 0.4 } },
  { transform: { kind: 'child-d', fisher: 1, probability: 0.4 } },
  {
    penalty: { kind: 'recadam', anchor: 0, strength: 10, slope: 0.1, midpoint: 1 },
    transform: { kind: 'mixout', anchor: 0, probability: 0.3 },
  },
  {
    penalty: { kind: 'ewc', anchor: 0, fisher: 1, strength: 1 },
    transform: { kind: 'child-d', fisher: 1, probability: 0.7 },
  },
];

test('penalties and transforms of several replicas in one session: each as alone, bit for bit', async (t) => {
  const many = await openTiny(t, { replicas: recipes.length });
  await makeSlots(many);
  const together = await trained(many, recipes);
  const ends = new Set<number>();
  for (const [replica, recipe] of recipes.entries()) {
    const alone = await openTiny(t);
    await makeSlots(alone);
    const own = await trained(alone, [recipe]);
    const what = `replica ${replica}`;
    assertSameNumbers(together.losses.subarray(4 * replica, 4 * replica + 4), own.losses, what, 1e-4);
    assertSameNumbers(together.gradNorms.subarray(4 * replica, 4 * replica + 4), own.gradNorms, what, 1e-3);
    for (const buffer of ['weights', 'exp_avg', 'exp_avg_sq', 'steps'] as const)
      assertSame(`${what}, ${buffer}`, await take(many.session, buffer, replica), await take(alone.session, buffer));
    ends.add(own.losses[3]!);
  }
  assert.equal(ends.size, recipes.length, 'every recipe is another run');
});

const idle: Readonly<Record<string, Recipe>> = {
  'penalty none': { penalty: none },
  'transform none': { transform: none },
  'L2-SP of strength 0': { penalty: { kind: 'l2-sp', anchor: 0, strength: 0, headStrength: 0 } },
  'EWC of strength 0': { penalty: { kind: 'ewc', anchor: 0, fisher: 1, strength: 0 } },
  'RecAdam long after its midpoint': {
    penalty: { kind: 'recadam', anchor: 0, strength: 40, slope: 1, midpoint: -1e6 },
  },
  'Child-Tuning F that keeps all': { transform: { kind: 'child-f', probability: 1 } },
  'Child-Tuning D that keeps all': { transform: { kind: 'child-d', fisher: 1, probability: 1 } },
};

for (const [name, recipe] of Object.entries(idle)) {
  test(`${name} is plain training, bit for bit`, async (t) => {
    for (const optimizer of ['adamw', 'adam'] as const) {
      for (const decay of [0, 0.05]) {
        const change = {
          optimizer: { name: optimizer, beta1: 0.9, beta2: 0.999, eps: 1e-8 },
          decay: Float64Array.of(decay),
        };
        const [plain, other] = [await openTiny(t), await openTiny(t)];
        await makeSlots(other);
        const expected = await trained(plain, [{}], change);
        const actual = await trained(other, [recipe], change);
        assertSameNumbers(actual.losses, expected.losses, name);
        assertSameNumbers(actual.gradNorms, expected.gradNorms, name, 1e-4);
        for (const buffer of ['weights', 'exp_avg', 'exp_avg_sq'] as const)
          assertSame(buffer, await take(other.session, buffer), await take(plain.session, buffer));
      }
    }
  });
}
