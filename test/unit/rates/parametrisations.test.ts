import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { depthGroups, layerGroups } from '../../../lib/rates/depth.ts';
import { ratesAt } from '../../../lib/rates/distribution.ts';
import { parseGrouping } from '../../../lib/rates/groupings.ts';
import { learningLayout, withFrozen } from '../../../lib/rates/parametrisations/frozen.ts';
import {
  createParametrisation,
  decodeDistribution,
  encodeWithin,
  layoutOf,
  parametrisations,
} from '../../../lib/rates/parametrisations/index.ts';
import { scaledRates } from '../../../lib/rates/parametrisations/multipliers.ts';
import type { Layout, Parametrisation } from '../../../lib/rates/parametrisations/parametrisation.ts';
import { findPreset, fromPreset } from '../../../lib/rates/presets.ts';
import { rateArbitrary } from './helpers.ts';

const layout = layoutOf(depthGroups(12, 10), 12);
const n = layout.names.length;
const shape = [1, 1, 0.3, 0.7, 1, 1, 1, 1, 1, 3];

const texts = [
  'flat',
  'free',
  'geometric',
  'polynomial:1',
  'polynomial:3',
  'polynomial:9',
  'knots:1',
  'knots:4',
  'knots:10',
  'spline:4',
  'spline:10',
  'multipliers',
  'ordered',
  'ordered:falling',
  'bounded:2',
];
const all: readonly Parametrisation[] = [
  ...texts.map((text) => createParametrisation(text, layout)),
  scaledRates(layout, shape),
];
/** Those that can express every profile. */
const complete = new Set(['free', 'multipliers', 'polynomial:9', 'knots:10', 'spline:10']);

// Far enough from the limits that no fitted curve is cut there.
const rate = fc.double({ min: -6.5, max: -3.5, noNaN: true }).map((exponent) => 10 ** exponent);
const rates = fc.array(rate, { minLength: n, maxLength: n });

/** Numbers from the search range of each parameter. */
function valuesOf({ parameters }: Parametrisation): fc.Arbitrary<number[]> {
  return fc.tuple(
    ...parameters.map(({ low, high, log }) =>
      log
        ? fc.double({ min: Math.log(low), max: Math.log(high), noNaN: true }).map(Math.exp)
        : fc.double({ min: low, max: high, noNaN: true }),
    ),
  );
}

/** Any finite numbers, above 0 where they have to be. */
function anyValues({ parameters }: Parametrisation): fc.Arbitrary<number[]> {
  const options = { noNaN: true, noDefaultInfinity: true };
  return fc.tuple(...parameters.map(({ log }) => fc.double(log ? { ...options, min: Number.MIN_VALUE } : options)));
}

const distance = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Math.max(...Array.from(a, (rate, g) => Math.abs(Math.log(rate / b[g]!))));

test('every parametrisation in the table is tested', () => {
  assert.deepEqual(
    Object.keys(parametrisations).filter((name) => !texts.some((text) => text.split(':')[0] === name)),
    [],
  );
});

for (const parametrisation of all) {
  const { name } = parametrisation;

  test(`${name}: what it decodes it encodes again, without error`, () => {
    fc.assert(
      fc.property(valuesOf(parametrisation), (values) => {
        const decoded = parametrisation.decode(values);
        assert.equal(decoded.length, n);
        // A rate outside the usable range is cut, and then the curve is another one.
        fc.pre(decoded.every((rate) => rate > 1e-12 && rate < 1));
        const { values: found, error } = parametrisation.encode(decoded);
        const again = parametrisation.decode(found);
        assert.ok(distance(again, decoded) < 1e-5, `off by ${distance(again, decoded)}`);
        assert.ok(error.max < 1e-5);
      }),
      { numRuns: 60 },
    );
  });

  test(`${name}: the error it reports is that of its numbers`, () => {
    fc.assert(
      fc.property(rates, (wanted) => {
        const { values, error } = parametrisation.encode(wanted);
        assert.equal(values.length, parametrisation.parameters.length);
        const decoded = parametrisation.decode(values);
        const logs = wanted.map((rate, g) => Math.log(decoded[g]! / rate));
        assert.ok(Math.abs(error.max - distance(decoded, wanted)) < 1e-9);
        assert.ok(Math.abs(error.rms - Math.sqrt(logs.reduce((sum, log) => sum + log * log, 0) / n)) < 1e-9);
        if (complete.has(name)) assert.ok(error.max < 1e-6, `error ${error.max}`);
      }),
      { numRuns: 60 },
    );
  });

  test(`${name}: no numbers near the fitted ones come nearer`, () => {
    // Only where the fit is a least-squares one in the interior; the monotone spline has kinks.
    if (name.startsWith('spline') || name.startsWith('ordered') || name.startsWith('bounded')) return;
    fc.assert(
      fc.property(rates, fc.nat(), fc.constantFrom(-0.01, 0.01), (wanted, which, step) => {
        const { values, error } = parametrisation.encode(wanted);
        const i = which % values.length;
        const moved = values.map((value, j) =>
          j !== i ? value : parametrisation.parameters[j]!.log ? value * Math.exp(step) : value + step,
        );
        const decoded = parametrisation.decode(moved);
        const rms = Math.sqrt(wanted.reduce((sum, rate, g) => sum + Math.log(decoded[g]! / rate) ** 2, 0) / n);
        assert.ok(rms >= error.rms - 1e-9);
      }),
      { numRuns: 60 },
    );
  });

  test(`${name}: scaled rates are fitted by the scaled curve`, () => {
    fc.assert(
      fc.property(rates, fc.double({ min: 0.2, max: 5, noNaN: true }), (wanted, factor) => {
        const before = parametrisation.encode(wanted);
        const after = parametrisation.encode(wanted.map((rate) => rate * factor));
        assert.ok(Math.abs(before.error.rms - after.error.rms) < 1e-4);
        const expected = parametrisation.decode(before.values).map((rate) => rate * factor);
        // The spline's search may end at another of several minima.
        if (!name.startsWith('spline')) assert.ok(distance(parametrisation.decode(after.values), expected) < 1e-4);
      }),
      { numRuns: 40 },
    );
  });

  test(`${name}: any numbers decode to rates above 0 and at most 1`, () => {
    fc.assert(
      fc.property(anyValues(parametrisation), (values) => {
        for (const rate of parametrisation.decode(values)) assert.ok(rate > 0 && rate <= 1, String(rate));
      }),
      { numRuns: 60 },
    );
  });

  test(`${name}: describes a search space`, () => {
    const names = parametrisation.parameters.map((parameter) => parameter.name);
    assert.equal(new Set(names).size, names.length);
    for (const { low, high, log } of parametrisation.parameters) assert.ok(low < high && (!log || low > 0));
  });

  test(`${name}: refuses what it cannot take`, () => {
    const frozen = new Array<number>(n).fill(1e-5).with(2, 0);
    assert.throws(() => parametrisation.encode(frozen), {
      code: 'ERR_RATES_ENCODE',
      message: /group 3 of 10/,
      remedy: /withFrozen/,
    });
    assert.throws(() => parametrisation.encode([1e-5]), { code: 'ERR_RATES_ENCODE', message: /10 groups/ });
    assert.throws(() => parametrisation.encode(new Array<number>(n).fill(Number.NaN)), { code: 'ERR_RATES_ENCODE' });
    const values = parametrisation.encode(new Array<number>(n).fill(1e-5)).values;
    assert.throws(() => parametrisation.decode([...values, 1]), { code: 'ERR_INVALID_OPTION' });
    assert.throws(() => parametrisation.decode(values.map(() => Number.NaN)), { code: 'ERR_INVALID_OPTION' });
    assert.throws(() => parametrisation.decode(values.map(() => -1)), {
      code: 'ERR_INVALID_OPTION',
      message: /above 0/,
    });
  });
}

test('ordered profiles are ordered, bounded ones bounded, whatever the numbers', () => {
  const [rising, falling, bounded] = ['ordered', 'ordered:falling', 'bounded:2'].map((text) =>
    createParametrisation(text, layout),
  );
  fc.assert(
    fc.property(anyValues(rising!), (values) => {
      const [up, down, slow] = [rising!, falling!, bounded!].map((each) => each.decode(values));
      for (let g = 1; g < n; g++) {
        assert.ok(up![g]! >= up![g - 1]!);
        assert.ok(down![g]! <= down![g - 1]!);
        assert.ok(Math.abs(Math.log(slow![g]! / slow![g - 1]!)) <= Math.log(2) + 1e-9);
      }
    }),
  );
});

test('rates out of order and too steep rates become the nearest valid profile', () => {
  const three: Layout = { names: ['a', 'b', 'c'], depths: [0, 1, 2] };
  const pooled = createParametrisation('ordered', three).encode([1e-5, 4e-5, 1e-5]);
  // 4e-5 and 1e-5 are out of order: both become their geometric mean.
  const decoded = createParametrisation('ordered', three).decode(pooled.values);
  assert.ok(distance(decoded, [1e-5, 2e-5, 2e-5]) < 1e-6);
  assert.ok(Math.abs(pooled.error.max - Math.log(2)) < 1e-6);
  const bounded = createParametrisation('bounded:2', three);
  const near = bounded.encode([1e-5, 1e-5, 8e-5]);
  // Gaps 0 and ln 8 with a bound of ln 2: the least-squares answer has both gaps at ln 2, around the same mean.
  assert.ok(distance(bounded.decode(near.values), [1e-5, 2e-5, 4e-5]) < 1e-6);
});

test('geometric decay is layer-wise decay', () => {
  const layers = layoutOf(layerGroups(12), 12);
  const { values, error } = createParametrisation('geometric', layers).encode(
    ratesAt(fromPreset(findPreset('llrd-0.9')!, 12, 3e-5)),
  );
  assert.ok(Math.abs(values[0]! / 3e-5 - 1) < 1e-9 && Math.abs(values[1]! - 0.9) < 1e-9);
  assert.ok(error.max < 1e-9);
});

test('knots interpolate, and a spline stays between its knots', () => {
  const even: Layout = {
    names: Array.from({ length: 9 }, (_, i) => `g${i}`),
    depths: Array.from({ length: 9 }, (_, i) => i),
  };
  const knots = createParametrisation('knots:3', even);
  const decoded = knots.decode([1e-6, 1e-4, 1e-5]);
  assert.ok(distance([decoded[0]!, decoded[2]!, decoded[4]!, decoded[8]!], [1e-6, 1e-5, 1e-4, 1e-5]) < 1e-9);
  fc.assert(
    fc.property(fc.array(rateArbitrary, { minLength: 5, maxLength: 5 }), (values) => {
      const curve = createParametrisation('spline:5', even).decode(values);
      for (let knot = 0; knot < 5; knot++) assert.ok(Math.abs(Math.log(curve[2 * knot]! / values[knot]!)) < 1e-9);
      for (let knot = 0; knot < 4; knot++) {
        const [low, high] = [values[knot]!, values[knot + 1]!].sort((a, b) => a - b);
        const between = curve[2 * knot + 1]!;
        assert.ok(between >= low! * (1 - 1e-9) && between <= high! * (1 + 1e-9));
      }
    }),
  );
});

test('a spline fits at least as well as the straight lines it starts from', () => {
  fc.assert(
    fc.property(rates, (wanted) => {
      const spline = createParametrisation('spline:4', layout);
      const straight = createParametrisation('knots:4', layout).encode(wanted).values;
      const decoded = spline.decode(straight);
      const start = Math.sqrt(wanted.reduce((sum, rate, g) => sum + Math.log(decoded[g]! / rate) ** 2, 0) / n);
      assert.ok(spline.encode(wanted).error.rms <= start + 1e-9);
    }),
    { numRuns: 40 },
  );
});

test('lr is the geometric mean, and the highest rate, where they say so', () => {
  fc.assert(
    fc.property(rates, (wanted) => {
      const mean = Math.exp(wanted.reduce((sum, rate) => sum + Math.log(rate), 0) / n);
      for (const text of ['flat', 'multipliers', 'bounded:2'])
        assert.ok(Math.abs(createParametrisation(text, layout).encode(wanted).values[0]! / mean - 1) < 1e-9, text);
      const ordered = createParametrisation('ordered', layout);
      const { values } = ordered.encode(wanted);
      assert.ok(Math.abs(values[0]! / ordered.decode(values).at(-1)! - 1) < 1e-9);
    }),
  );
});

test('frozen groups stay out of the numbers', () => {
  const frozen = layout.names.map((_, g) => g < 3);
  const inner = createParametrisation('geometric', learningLayout(layout, frozen));
  const wrapped = withFrozen(inner, frozen);
  fc.assert(
    fc.property(valuesOf(wrapped), (values) => {
      const decoded = wrapped.decode(values);
      assert.deepEqual([...decoded.subarray(0, 3)], [0, 0, 0]);
      assert.deepEqual(decoded.subarray(3), inner.decode(values));
      assert.ok(wrapped.encode(decoded).error.max < 1e-6);
      assert.throws(() => wrapped.encode(decoded.map((rate) => rate || 1e-5)), {
        code: 'ERR_RATES_ENCODE',
        message: /group 1/,
      });
    }),
    { numRuns: 40 },
  );
});

test('depths of groups: by layer, the mean of what a group holds, the same for the parts of a layer', () => {
  assert.deepEqual(layoutOf(depthGroups(4, 4), 4).depths, [0, 1.5, 3.5, 5]);
  const parts = layoutOf(parseGrouping('layer-qkv').groups(2), 2).depths;
  assert.deepEqual(parts, [0, ...new Array<number>(6).fill(1), ...new Array<number>(6).fill(2), 3]);
});

test('unknown names, missing and impossible numbers are refused', () => {
  const make = (text: string) => () => createParametrisation(text, layout);
  assert.throws(make('geometrc'), { code: 'ERR_INVALID_OPTION', remedy: 'Did you mean geometric?' });
  for (const text of [
    '',
    'toString',
    'knots',
    'knots:x',
    'polynomial',
    'bounded',
    'flat:2',
    'knots:0',
    'knots:11',
    'polynomial:0',
    'polynomial:10',
    'bounded:1',
    'ordered:up',
    'geometric:1:2',
  ])
    assert.throws(make(text), { code: 'ERR_INVALID_OPTION' }, text);
});

test('decoded numbers make a distribution that remembers them', () => {
  const groups = depthGroups(12, 10);
  const knots = createParametrisation('knots:2', layout);
  const distribution = decodeDistribution(knots, [1e-5, 1e-4], { name: 'two', layers: 12, groups });
  assert.deepEqual(ratesAt(distribution), knots.decode([1e-5, 1e-4]));
  assert.deepEqual(distribution.provenance, {
    parametrisation: 'knots:2',
    parameters: { lr_knot_0: 1e-5, lr_knot_1: 1e-4 },
  });
});

test('an error beyond the tolerance is an error', () => {
  const wanted = ratesAt(fromPreset(findPreset('paper-combined')!, 12));
  const flat = createParametrisation('flat', layout);
  assert.throws(() => encodeWithin(flat, wanted, 0.1), {
    code: 'ERR_RATES_ENCODE',
    message: /"flat".*factor of 1\.8/,
    remedy: /more numbers/,
  });
  assert.deepEqual(encodeWithin(flat, wanted, 2), flat.encode(wanted));
});
