import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { combineTrials, leaveOnePairOut, type ScoredTrial } from '../../../../lib/rates/combine.ts';
import { findPreset, fromPreset } from '../../../../lib/rates/presets.ts';
import { ratesAt } from '../../../../lib/rates/distribution.ts';
import { rateArbitrary } from '../helpers.ts';

/** Rates of each pair as the authors' logs give them, and their geometric mean as published (arXiv 2404.01317). */
const paperPairs: Readonly<Record<string, readonly number[]>> = {
  'sst2->mrpc': [9.01e-6, 3.94e-6, 2.46e-6, 1.23e-6, 1.54e-6, 2.2e-6, 2.79e-6, 3.53e-6, 3.87e-6, 2.6e-6],
  'mrpc->sst2': [5.41e-6, 1.81e-6, 7.61e-7, 6.57e-6, 1.1e-5, 4.14e-6, 9.58e-6, 5.22e-6, 1.85e-5, 9.31e-6],
  'qqp->mrpc': [4.61e-6, 1.64e-5, 1.25e-6, 2.56e-7, 9.54e-7, 7.86e-7, 8.57e-7, 2.46e-6, 1.28e-6, 1.12e-4],
  'mrpc->qqp': [5.26e-7, 3.11e-6, 3.05e-7, 6.66e-6, 4.1e-6, 2.93e-6, 5.01e-6, 4.13e-6, 1.12e-6, 5.79e-6],
};

/** Scores on a coarse grid, so that ties are common. */
const scoreArbitrary = fc.integer({ min: 0, max: 8 }).map((step) => 1 + step / 8);
const trialsArbitrary = fc.integer({ min: 1, max: 5 }).chain((groups) =>
  fc.array(
    fc.record({
      pair: fc.constantFrom('a->b', 'b->a', 'a->c'),
      rates: fc.array(rateArbitrary, { minLength: groups, maxLength: groups }),
      score: scoreArbitrary,
    }),
    { minLength: 1, maxLength: 40 },
  ),
);
const optionsArbitrary = fc.record(
  { weightBase: fc.double({ min: 1, max: 5, noNaN: true }), top: fc.integer({ min: 1, max: 10 }) },
  { requiredKeys: [] },
);

function near(actual: readonly number[], wanted: readonly number[], tolerance: number): void {
  assert.equal(actual.length, wanted.length);
  for (const [i, rate] of actual.entries())
    assert.ok(Math.abs(rate / wanted[i]! - 1) <= tolerance, `${i}: ${rate}, not ${wanted[i]}`);
}

test("the geometric mean of the paper's four pairs is its published distribution within 0.5 %", () => {
  const trials = Object.entries(paperPairs).map(([pair, rates]) => ({ pair, rates, score: 1 }));
  const published = Array.from(ratesAt(fromPreset(findPreset('paper-combined')!, 12)));
  near(combineTrials(trials).rates, published, 0.005);
});

test('one pair: weights 1.8^-rank on the logarithms, worked by hand', () => {
  const trial = (score: number, rate: number): ScoredTrial => ({ pair: 'a->b', rates: [rate], score });
  const { rates, low, high, pairs, spread } = combineTrials([trial(1.5, 1e-6), trial(1.7, 1e-4), trial(1.6, 1e-5)]);
  const weights = [1, 1 / 1.8, 1 / 1.8 ** 2];
  const total = weights[0]! + weights[1]! + weights[2]!;
  const exponent = (-4 * weights[0]! - 5 * weights[1]! - 6 * weights[2]!) / total;
  near(rates, [10 ** exponent], 1e-12);
  const variance = [-4, -5, -6].reduce((sum, e, i) => sum + (weights[i]! / total) * (e - exponent) ** 2, 0);
  near([high[0]! / rates[0]!, rates[0]! / low[0]!], [10 ** Math.sqrt(variance), 10 ** Math.sqrt(variance)], 1e-12);
  assert.equal(spread, 'trials');
  assert.equal(pairs[0]!.best.score, 1.7);
  assert.equal(pairs[0]!.trials, 3);
  near([pairs[0]!.effective], [total ** 2 / weights.reduce((sum, w) => sum + w * w, 0)], 1e-12);
});

test('pairs weigh the same whatever their number of trials, and spread as a sample does', () => {
  const few: ScoredTrial[] = [{ pair: 'a->b', rates: [1e-6], score: 1 }];
  const many = Array.from({ length: 9 }, (_, i): ScoredTrial => ({ pair: 'b->a', rates: [1e-4], score: i }));
  const { rates, high, spread } = combineTrials([...few, ...many]);
  near(rates, [1e-5], 1e-12);
  near(high, [10 ** (-5 + Math.SQRT2)], 1e-12);
  assert.equal(spread, 'pairs');
});

test('a constant in is the same constant out, bit for bit, with no band', () => {
  fc.assert(
    fc.property(trialsArbitrary, fc.oneof(rateArbitrary, fc.constant(0)), optionsArbitrary, (trials, rate, options) => {
      const constant = trials.map((trial) => ({ ...trial, rates: trial.rates.map(() => rate) }));
      const { rates, low, high, pairs } = combineTrials(constant, options);
      for (const list of [rates, low, high, ...pairs.map((pair) => pair.rates)])
        assert.ok(list.every((each) => each === rate));
    }),
  );
});

test('the order of trials changes no bit', () => {
  const shuffled = trialsArbitrary.chain((trials) =>
    fc.tuple(fc.constant(trials), fc.shuffledSubarray(trials, { minLength: trials.length, maxLength: trials.length })),
  );
  fc.assert(
    fc.property(shuffled, optionsArbitrary, ([trials, other], options) => {
      assert.deepEqual(combineTrials(other, options), combineTrials(trials, options));
    }),
  );
});

test('scaled rates give a scaled result', () => {
  fc.assert(
    fc.property(
      trialsArbitrary,
      fc.double({ min: 0.01, max: 5, noNaN: true }),
      optionsArbitrary,
      (trials, factor, options) => {
        const scaled = trials.map((trial) => ({ ...trial, rates: trial.rates.map((rate) => rate * factor) }));
        const wanted = combineTrials(trials, options);
        const result = combineTrials(scaled, options);
        near(
          result.rates,
          wanted.rates.map((rate) => rate * factor),
          1e-9,
        );
        near(
          result.high,
          wanted.high.map((rate) => rate * factor),
          1e-9,
        );
      },
    ),
  );
});

test('a rate lies between the smallest and the largest of its group, and within its band', () => {
  fc.assert(
    fc.property(trialsArbitrary, optionsArbitrary, (trials, options) => {
      const { rates, low, high } = combineTrials(trials, options);
      for (const [group, rate] of rates.entries()) {
        const all = trials.map((trial) => trial.rates[group]!);
        assert.ok(rate >= Math.min(...all) && rate <= Math.max(...all));
        assert.ok(low[group]! <= rate && rate <= high[group]!);
      }
    }),
  );
});

test('rounding does not carry a mean beyond its rates', () => {
  // Neighbouring numbers: exp(mean of logs) of them is often beside both.
  for (let i = 1; i <= 300; i++) {
    const low = i * 1.1e-7;
    const high = low * (1 + Number.EPSILON);
    const [rate] = combineTrials([low, high].map((each) => ({ pair: 'a->b', rates: [each], score: 1 }))).rates;
    assert.ok(rate! >= low && rate! <= high, `${rate} of ${low} and ${high}`);
  }
});

test('every pair twice, under another name, changes nothing', () => {
  fc.assert(
    fc.property(trialsArbitrary, optionsArbitrary, (trials, options) => {
      const twice = [...trials, ...trials.map((trial) => ({ ...trial, pair: `${trial.pair} again` }))];
      near(combineTrials(twice, options).rates, combineTrials(trials, options).rates, 1e-9);
    }),
  );
});

test('a better score never weighs less, and equal scores weigh the same', () => {
  // One trial at 1e-3 among others at 1e-6: the higher its score, the higher the mean.
  const others = [1, 2, 2, 3].map((score): ScoredTrial => ({ pair: 'a->b', rates: [1e-6], score }));
  const means = [0.5, 1, 1.5, 2, 2.5, 3, 3.5].map(
    (score) => combineTrials([...others, { pair: 'a->b', rates: [1e-3], score }]).rates[0]!,
  );
  for (const [i, mean] of means.slice(1).entries()) assert.ok(mean > means[i]!, `${means}`);
  const tied = combineTrials([1e-3, 1e-5].map((rate) => ({ pair: 'a->b', rates: [rate], score: 1 })));
  near(tied.rates, [1e-4], 1e-12);
});

test('without one pair: the mean of the others, and its distance', () => {
  const trials = Object.entries(paperPairs).map(([pair, rates]) => ({ pair, rates, score: 1 }));
  const whole = combineTrials(trials);
  const left = leaveOnePairOut(whole);
  assert.deepEqual(
    left.map(({ pair }) => pair),
    [...Object.keys(paperPairs)].sort(),
  );
  for (const { pair, rates, error } of left) {
    const others = combineTrials(trials.filter((trial) => trial.pair !== pair));
    near(rates, others.rates, 1e-12);
    const logs = rates.map((rate, i) => Math.abs(Math.log(rate / whole.rates[i]!)));
    near([error.max], [Math.max(...logs)], 1e-12);
  }
  assert.deepEqual(leaveOnePairOut(combineTrials(trials.slice(0, 1))), []);
});

test('what cannot be combined is refused', () => {
  const trial = (change: Partial<ScoredTrial>): ScoredTrial => ({
    pair: 'a->b',
    rates: [1e-5, 1e-4],
    score: 1,
    ...change,
  });
  const refused = (trials: readonly ScoredTrial[], code: string, message: RegExp, options = {}): void =>
    assert.throws(
      () => combineTrials(trials, options),
      (error: Error & { code?: string }) => error.code === code && message.test(error.message),
      String(message),
    );
  refused([], 'ERR_INVALID_OPTION', /no finished trials/);
  refused([trial({ rates: [] })], 'ERR_INVALID_OPTION', /no rates/);
  refused(
    [trial({}), trial({ rates: [1e-5], where: 'x.csv:3' })],
    'ERR_INVALID_OPTION',
    /x\.csv:3: expected rates of 2 groups/,
  );
  for (const score of [NaN, Infinity]) refused([trial({ score })], 'ERR_INVALID_OPTION', /finite score/);
  for (const rate of [NaN, Infinity, -1e-5, 1.5])
    refused([trial({ rates: [1e-5, rate] })], 'ERR_INVALID_OPTION', new RegExp(`rates from 0 to 1, received ${rate}`));
  for (const weightBase of [0.9, 0, -1, NaN, Infinity])
    refused([trial({})], 'ERR_INVALID_OPTION', /weight_base/, { weightBase });
  for (const top of [0, -1, 1.5, NaN]) refused([trial({})], 'ERR_INVALID_OPTION', /top/, { top });
  const half = [trial({ where: 'x.csv:2' }), trial({ rates: [1e-5, 0], where: 'x.csv:3', score: 0.5 })];
  refused(half, 'ERR_COMBINE_MIXED', /group 2 of 2 .*x\.csv:3 \(a->b\).*x\.csv:2/);
  refused([trial({}), trial({ pair: 'b->a', rates: [0, 1e-5] })], 'ERR_COMBINE_MIXED', /group 1 of 2/);
  // A trial that counts for nothing stands in nobody's way.
  assert.deepEqual(combineTrials(half, { top: 1 }).rates, [1e-5, 1e-4]);
});
