import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  factors,
  schedule,
  scheduleNames,
  warmupSteps,
  type ScheduleName,
  type ScheduleOptions,
} from '../../../lib/rates/schedule.ts';

interface Case {
  readonly name: ScheduleName;
  readonly total: number;
  readonly warmup_steps: number;
  readonly learning_rate: number;
  readonly kwargs: Record<string, number>;
  readonly factors: readonly number[];
}

const fixture = JSON.parse(readFileSync(new URL('../../parity/fixtures/schedules.json', import.meta.url), 'utf8')) as {
  cases: readonly Case[];
};

test('every schedule but the paper’s has a case from transformers', () => {
  const tested = new Set<string>(fixture.cases.map((each) => each.name));
  assert.deepEqual(
    scheduleNames.filter((name) => !tested.has(name)),
    ['paper'],
  );
});

for (const { name, total, warmup_steps, learning_rate, kwargs, factors: expected } of fixture.cases) {
  test(`${name}, ${total} steps, warm-up ${warmup_steps}, ${JSON.stringify(kwargs)}: as transformers has it`, () => {
    const actual = factors(
      { lr_scheduler_type: name, warmup_steps, lr_scheduler_kwargs: kwargs },
      total,
      learning_rate,
    );
    assert.equal(actual.length, total);
    for (const [step, factor] of expected.entries())
      assert.ok(Math.abs(actual[step]! - factor) <= 1e-12, `step ${step}: ${actual[step]}, expected ${factor}`);
  });
}

test('the paper’s schedule is a cosine from the first step, times a linear warm-up over a tenth', () => {
  const actual = factors({ lr_scheduler_type: 'paper' }, 40, 1e-5);
  for (const [t, factor] of actual.entries()) {
    const expected = 0.5 * (1 + Math.cos((Math.PI * t) / 40)) * (t <= 4 ? t / 4 : 1);
    assert.ok(Math.abs(factor - expected) < 1e-15, `step ${t}`);
  }
  const [first] = factors({ lr_scheduler_type: 'paper', warmup_steps: 0 }, 40, 1e-5);
  assert.equal(first, 1);
});

test('warm-up as steps, as a share, and which wins', () => {
  const steps = (options: ScheduleOptions): number => warmupSteps(options, 101);
  assert.equal(steps({}), 0);
  assert.equal(steps({ warmup_steps: 7 }), 7);
  assert.equal(steps({ warmup_steps: 7.9 }), 7);
  assert.equal(steps({ warmup_steps: 0.1 }), 11);
  assert.equal(steps({ warmup_ratio: 0.1 }), 11);
  assert.equal(steps({ warmup_ratio: 0.1, warmup_steps: 3 }), 3);
  assert.equal(steps({ warmup_ratio: 0.1, warmup_steps: 0 }), 11);
  assert.equal(steps({ lr_scheduler_type: 'paper' }), 11);
  assert.equal(steps({ lr_scheduler_type: 'paper', warmup_ratio: 0 }), 0);
});

test('factors are finite and at most 1, without warm-up they start at 1', () => {
  const names = fc.constantFrom(...scheduleNames);
  fc.assert(
    fc.property(names, fc.integer({ min: 1, max: 60 }), fc.integer({ min: 0, max: 80 }), (name, total, warmup) => {
      const kwargs: Record<string, number> = name === 'cosine_with_min_lr' ? { min_lr_rate: 0.1 } : {};
      const options = { lr_scheduler_type: name, lr_scheduler_kwargs: kwargs, warmup_steps: warmup };
      const values = factors(options, total, 1e-4);
      assert.ok(values.every((factor) => factor >= 0 && factor <= 1 + 1e-12));
      if (warmup === 0) assert.equal(values[0], 1);
      const whole = schedule(options, total, 1e-4);
      assert.equal(whole(total - 1), values.at(-1));
    }),
  );
});

test('wrong settings are refused', () => {
  const make = (options: object) => () => factors(options, 10, 5e-5);
  assert.throws(make({ lr_scheduler_type: 'lineer' }), { code: 'ERR_INVALID_OPTION', remedy: 'Did you mean linear?' });
  assert.throws(make({ lr_scheduler_type: 'toString' }), { code: 'ERR_INVALID_OPTION' });
  assert.throws(make({ lr_scheduler_type: 'reduce_lr_on_plateau' }), {
    code: 'ERR_INVALID_OPTION',
    message: /evaluation/,
  });
  assert.throws(make({ lr_scheduler_type: 'cosine', lr_scheduler_kwargs: { num_cicles: 2 } }), {
    code: 'ERR_UNKNOWN_OPTION',
    remedy: 'Did you mean num_cycles?',
  });
  assert.throws(make({ lr_scheduler_kwargs: { power: 2 } }), { code: 'ERR_UNKNOWN_OPTION', message: /takes none/ });
  assert.throws(make({ lr_scheduler_type: 'cosine', lr_scheduler_kwargs: { num_cycles: '2' } }), {
    code: 'ERR_INVALID_OPTION',
    message: /num_cycles/,
  });
  assert.throws(make({ lr_scheduler_type: 'cosine_with_min_lr' }), { code: 'ERR_INVALID_OPTION', message: /min_lr/ });
  assert.throws(
    make({ lr_scheduler_type: 'cosine_with_min_lr', lr_scheduler_kwargs: { min_lr: 1e-6, min_lr_rate: 0.1 } }),
    { code: 'ERR_INVALID_OPTION' },
  );
  assert.throws(make({ lr_scheduler_type: 'polynomial', lr_scheduler_kwargs: { lr_end: 1e-3 } }), {
    code: 'ERR_INVALID_OPTION',
    message: /lr_end/,
  });
  assert.throws(make({ lr_scheduler_type: 'inverse_sqrt', lr_scheduler_kwargs: { timescale: 0 } }), {
    code: 'ERR_INVALID_OPTION',
    message: /timescale/,
  });
  assert.throws(make({ warmup_steps: -1 }), { code: 'ERR_INVALID_OPTION', message: /warmup_steps/ });
  assert.throws(make({ warmup_ratio: 1.5 }), { code: 'ERR_INVALID_OPTION', message: /warmup_ratio/ });
  assert.throws(make({ warmup_ratio: Number.NaN }), { code: 'ERR_INVALID_OPTION', message: /warmup_ratio/ });
});
