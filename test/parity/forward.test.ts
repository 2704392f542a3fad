import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertWithin, largestDifference } from './helpers/compare.ts';
import { type FixturePart, fixtureNames, readFixture } from './helpers/fixture.ts';
import { addRows, nativePart, openSession } from './helpers/session.ts';
import { tolerances } from './helpers/tolerances.ts';

for (const name of fixtureNames()) {
  const fixture = readFixture(name);
  for (const [head, { name: headName, kind }] of fixture.heads.entries()) {
    const expected = fixture.expected.get(`logits.${head}`);
    if (kind !== 'classification' || expected === undefined) continue;
    test(`${name}: logits of head ${headName} are transformers'`, async (t) => {
      const session = await openSession(fixture);
      t.after(() => session.closeSync());
      const dataset = addRows(session, fixture);
      for (const batchTokens of [4096, 32]) {
        const logits = await session.evaluate({ head, dataset, want: 'logits', batchTokens });
        const difference = largestDifference(logits, expected.values);
        t.diagnostic(`batches of ${batchTokens} tokens: largest difference ${difference.toExponential(2)}`);
        assertWithin('logits', difference, tolerances.logits);
      }
    });
  }

  test(`${name}: the first token's state after every layer is transformers'`, async (t) => {
    const session = await openSession(fixture);
    t.after(() => session.closeSync());
    const dataset = addRows(session, fixture);
    const expected = fixture.expected.get('states')!;
    const states = await session.evaluate({ head: 0, dataset, want: 'layers', batchTokens: 64 });
    const difference = largestDifference(states, expected.values);
    t.diagnostic(`largest difference ${difference.toExponential(2)}`);
    assertWithin('states', difference, tolerances.logits);

    const { hidden, layers } = fixture.model;
    const last = Float32Array.from(
      { length: fixture.rows.length * hidden },
      (_, i) => expected.values[(Math.floor(i / hidden) * (layers + 1) + layers) * hidden + (i % hidden)]!,
    );
    assertWithin(
      'final state',
      largestDifference(await session.evaluate({ head: 0, dataset, want: 'cls', batchTokens: 64 }), last),
      tolerances.logits,
    );
  });

  const { masked } = fixture;
  if (masked !== undefined) {
    test(`${name}: masked-LM losses of every row, and how many tokens were masked`, async (t) => {
      const session = await openSession(fixture);
      t.after(() => session.closeSync());
      const { head, dataset, loss, masking } = nativePart(masked, addRows(session, fixture));
      assert.ok(masking !== undefined);
      const losses = await session.evaluate({ head, dataset, want: 'losses', loss, masking, batchTokens: 64 });
      // Sums over a row: their rounding grows with the number of tokens.
      assertWithin('losses', largestDifference(losses, fixture.expected.get('masked')!.values), 10 * tolerances.loss);
    });
  }

  for (const gradient of fixture.gradients) {
    // Row losses come without smoothing, so only plain parts can be compared; a step's loss is the weighted mean over its batches.
    if (
      gradient.dropout ||
      gradient.parts.some((part) => part.labelSmoothing !== undefined || part.loss === 'masked-lm')
    )
      continue;
    test(`${name}: row losses average to the step's loss (${gradient.name})`, async (t) => {
      const session = await openSession(fixture);
      t.after(() => session.closeSync());
      const dataset = addRows(session, fixture);
      let total = 0;
      for (const batch of gradient.batches) {
        const part: FixturePart = gradient.parts[batch.part]!;
        const losses = await session.evaluate({
          head: part.head,
          dataset,
          rows: Int32Array.from(batch.rows),
          want: 'losses',
          loss: part.loss,
          batchTokens: 64,
        });
        total += (batch.weight * losses.reduce((sum, loss) => sum + loss, 0)) / losses.length;
      }
      assertWithin('loss', Math.abs(total - gradient.loss), tolerances.loss * Math.max(1, gradient.loss));
    });
  }
}
