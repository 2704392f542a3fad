import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isLrdistError } from '../../../lib/errors.ts';
import { parsePenalties, parsePenalty, penaltyAt, penaltyKinds } from '../../../lib/forgetting/penalties.ts';

const refused = (text: string, message: RegExp): void =>
  assert.throws(
    () => parsePenalties(text),
    (error) =>
      isLrdistError(error) && error.code === 'ERR_INVALID_OPTION' && message.test(`${error.message}\n${error.remedy}`),
    text,
  );

test('names without numbers have the defaults; numbers follow in order, and belong to the name before them', () => {
  const list = parsePenalties('none, ewc, l2-sp@0.5,0.02,recadam@100,0.2,0.5, replay@64 ,lwf@3');
  assert.deepEqual(
    list.map(({ name, stages }) => [name, stages[0]!.numbers]),
    [
      ['none', {}],
      ['ewc', { lambda: 5000 }],
      ['l2-sp@0.5,0.02', { alpha: 0.5, beta: 0.02 }],
      ['recadam@100,0.2,0.5', { gamma: 100, k: 0.2, t0: 0.5 }],
      ['replay@64', { budget: 64, weight: 1 }],
      ['lwf@3', { lambda: 3, temperature: 2 }],
    ],
  );
});

test('every kind parses with its defaults written out, and with any numbers it allows', () => {
  for (const kind of penaltyKinds) {
    const defaults = Object.fromEntries(kind.numbers.map(({ name, value }) => [name, value]));
    assert.deepEqual(parsePenalty(kind.name).stages[0]!.numbers, defaults);
    if (kind.numbers.length === 0) continue;
    const written = `${kind.name}@${kind.numbers.map(({ value }) => value).join(',')}`;
    assert.deepEqual(parsePenalty(written).stages[0]!.numbers, defaults);
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 1e-3, max: 0.9, noNaN: true }), { minLength: 1, maxLength: kind.numbers.length }),
        (values) => {
          const { numbers } = parsePenalty(`${kind.name}@${values.join(',')}`).stages[0]!;
          for (const [i, value] of values.entries()) assert.equal(numbers[kind.numbers[i]!.name], value);
        },
      ),
      { examples: [[[0.5]]], numRuns: 20 },
    );
  }
});

test('stages are joined by a slash; the last one goes on', () => {
  const [staged, plain] = parsePenalties('none/l2-sp@0.1,0.2/ewc@3,child-f');
  assert.equal(staged!.name, 'none/l2-sp@0.1,0.2/ewc@3');
  assert.deepEqual(
    [0, 1, 2, 5].map((stage) => penaltyAt(staged!, stage).kind.name),
    ['none', 'l2-sp', 'ewc', 'ewc'],
  );
  assert.deepEqual(penaltyAt(staged!, 1).numbers, { alpha: 0.1, beta: 0.2 });
  assert.equal(plain!.name, 'child-f');
});

test('slips are refused with the nearest name or the range', () => {
  refused('ewv', /there is no "ewv".*Did you mean ewc\?/s);
  refused('ewc@x', /lambda .*expected a number of 0 or more, received "x"/);
  refused('ewc@-1', /lambda/);
  refused('ewc@1,2', /ewc takes lambda/);
  refused('joint@1', /joint takes no number/);
  refused('mixout@1', /p .*from 0 to below 1/);
  refused('child-f@0', /p .*received "0"/);
  refused('replay@1.5', /a whole number above 0, or a share below 1/);
  refused('replay@0', /a whole number above 0/);
  refused('ewc-online@1,1.5', /gamma .*from 0 to 1/);
  refused('none,,ewc', /there is no ""/);
});
