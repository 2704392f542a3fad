import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkParameters, checkSpace } from '../../../../lib/search/check-space.ts';
import type { Space } from '../../../../lib/search/space.ts';

const space: Space = {
  lr_embeddings: { kind: 'float', low: 1e-7, high: 1e-3, log: true },
  epochs: { kind: 'int', low: 1, high: 4 },
  schedule: { kind: 'categorical', choices: ['linear', 'constant', 1] },
};

function refused(call: () => unknown, message: RegExp, remedy = /./): void {
  assert.throws(call, (error: Error & { code?: string; remedy?: string }) => {
    assert.equal(error.code, 'ERR_INVALID_OPTION');
    assert.match(error.message, message);
    assert.match(error.remedy ?? '', remedy);
    return true;
  });
}

test('a good space is handed back as it is', () => {
  assert.deepEqual(checkSpace(space), space);
  assert.deepEqual(checkSpace({ one: { kind: 'float', low: 2, high: 2 } }), {
    one: { kind: 'float', low: 2, high: 2 },
  });
});

const wrong: readonly (readonly [unknown, RegExp])[] = [
  [{}, /^space: expected at least one dimension/],
  [[], /^space/],
  [null, /^space/],
  [{ a: { kind: 'float', low: 1, high: 0 } }, /^space\.a: expected low <= high, received low 1 and high 0/],
  [{ a: { kind: 'int', low: 3, high: 2 } }, /^space\.a: expected low <= high/],
  [{ a: { kind: 'float', low: 0, high: 1, log: true } }, /^space\.a: expected low > 0 .* received 0/],
  [{ a: { kind: 'int', low: 0, high: 9, log: true } }, /^space\.a: expected low > 0/],
  [{ a: { kind: 'float', low: NaN, high: 1 } }, /^space\.a\.low/],
  [{ a: { kind: 'float', low: 0, high: Infinity } }, /^space\.a\.high/],
  [{ a: { kind: 'float', low: -1e308, high: 1e308 } }, /^space\.a: .* too wide/],
  [{ a: { kind: 'int', low: 0.5, high: 3 } }, /^space\.a\.low/],
  [{ a: { kind: 'categorical', choices: [] } }, /^space\.a\.choices: expected at least one/],
  [{ a: { kind: 'categorical', choices: ['x', 1, 'x'] } }, /^space\.a: the choice "x" is there twice/],
  [{ a: { kind: 'categorical', choices: [NaN] } }, /^space\.a\.choices/],
  [{ a: { kind: 'real', low: 0, high: 1 } }, /^space\.a\.kind/],
  [{ a: { kind: 'float', low: 0, high: 1, logarithmic: true } }, /^space\.a: .*logarithmic/],
  [{ a: { kind: 'float', low: 0 } }, /^space\.a\.high/],
];

for (const [given, message] of wrong)
  test(`refused as a space: ${JSON.stringify(given)}`, () => refused(() => checkSpace(given), message));

test('all complaints about a space come at once', () => {
  refused(
    () => checkSpace({ a: { kind: 'float', low: 1, high: 0 }, b: { kind: 'categorical', choices: [] } }),
    /^space\.a.*\nspace\.b/,
  );
});

test('good parameters are handed back in the order of the space', () => {
  const given = { schedule: 1, lr_embeddings: 1e-7, epochs: 4 };
  const checked = checkParameters(given, space);
  assert.deepEqual(checked, given);
  assert.deepEqual(Object.keys(checked), Object.keys(space));
});

test('parameters outside of the space are refused', () => {
  const good = { lr_embeddings: 1e-5, epochs: 2, schedule: 'linear' };
  refused(
    () => checkParameters({ ...good, lr_embeddings: 1e-2 }, space),
    /^lr_embeddings: expected a number from 1e-7 to 0.001, received 0.01$/,
  );
  refused(() => checkParameters({ ...good, lr_embeddings: NaN }, space), /^lr_embeddings: .* received NaN/);
  refused(
    () => checkParameters({ ...good, epochs: 2.5 }, space),
    /^epochs: expected an integer from 1 to 4, received 2.5/,
  );
  refused(() => checkParameters({ ...good, epochs: '2' }, space), /^epochs: .* received "2"/);
  refused(
    () => checkParameters({ ...good, schedule: '1' }, space),
    /^schedule: expected one of "linear", "constant", 1/,
  );
  refused(() => checkParameters(null, space), /^parameters: expected an object/, /lr_embeddings, epochs, schedule/);
});

test('missing and unknown dimensions are told together, with the nearest name', () => {
  refused(
    () => checkParameters({ lr_embedding: 1e-5, epochs: 9, schedule: 'linear' }, space),
    /^epochs: .*\nlr_embeddings: missing\nlr_embedding: there is no such dimension; did you mean lr_embeddings\?$/,
  );
  refused(
    () => checkParameters({ lr_embeddings: 1e-5, epochs: 1, schedule: 1, toString: 1 }, space),
    /^toString: there is no such/,
  );
});
