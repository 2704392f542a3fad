import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertGradients, assertWithin } from './helpers/compare.ts';
import { expectedUnder, fixtureNames, readFixture } from './helpers/fixture.ts';
import { addRows, lossAndGradients, nativePart, openSession, readAll } from './helpers/session.ts';
import { tolerances } from './helpers/tolerances.ts';

for (const name of fixtureNames()) {
  const fixture = readFixture(name);
  for (const gradient of fixture.gradients) {
    const masks = gradient.dropout ? ' under the same dropout masks' : '';
    test(`${name}: loss and every gradient are transformers'${masks} (${gradient.name})`, async (t) => {
      const expected = expectedUnder(fixture, gradient.name);
      assert.ok(expected.size > 10);
      const session = await openSession(fixture);
      t.after(() => session.closeSync());
      const { loss, gradients } = await lossAndGradients(session, addRows(session, fixture), gradient);
      const worst = assertGradients(gradients, expected);
      const difference = Math.abs(loss - gradient.loss);
      t.diagnostic(
        `loss off by ${difference.toExponential(2)}, gradients by at most ${worst.value.toExponential(2)} (${worst.name})`,
      );
      assertWithin('loss', difference, tolerances.loss * Math.max(1, gradient.loss));
    });
  }

  const part = fixture.fisher;
  if (part === undefined) continue;
  test(`${name}: the Fisher diagonal is the mean of transformers' squared row gradients`, async (t) => {
    const session = await openSession(fixture);
    t.after(() => session.closeSync());
    const { head, dataset, loss } = nativePart(part, addRows(session, fixture));
    const rows = Int32Array.from(fixture.rows.keys());
    assert.ok(loss !== 'double-softmax' && loss !== 'distillation');
    const slot = await session.fisher({ head, dataset, rows, loss, labels: 'data' });
    const worst = assertGradients(await readAll(session, 'slot', slot), expectedUnder(fixture, 'fisher'));
    t.diagnostic(`off by at most ${worst.value.toExponential(2)} (${worst.name})`);
  });
}
