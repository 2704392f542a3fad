import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Fixture, fixtureNames, readFixture } from './helpers/fixture.ts';
import { addRows, loadWeights, lossAndGradients, openSession } from './helpers/session.ts';
import { type FloatTensor, writeFloats } from './helpers/safetensors.ts';
import { tolerances } from './helpers/tolerances.ts';

/** The fixture's weights moved by `distance` along the (unit) gradient. */
function moved(
  fixture: Fixture,
  gradients: ReadonlyMap<string, Float32Array>,
  distance: number,
): Map<string, FloatTensor> {
  return new Map(
    [...fixture.weights].map(([name, tensor]) => {
      const gradient = gradients.get(name)!;
      return [name, { ...tensor, values: tensor.values.map((value, i) => value + distance * gradient[i]!) }];
    }),
  );
}

for (const name of fixtureNames()) {
  const fixture = readFixture(name);
  const gradient = fixture.gradients.find(({ dropout }) => dropout);
  if (gradient === undefined) continue;
  test(`${name}: with dropout on, the loss changes along the gradient as the gradient says`, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'lrdist-parity-'));
    const session = await openSession(fixture);
    t.after(() => {
      session.closeSync();
      rmSync(folder, { recursive: true });
    });
    const dataset = addRows(session, fixture);
    const { gradients } = await lossAndGradients(session, dataset, gradient);
    const norm = Math.sqrt(
      [...gradients.values()].reduce((sum, values) => sum + values.reduce((s, v) => s + v * v, 0), 0),
    );
    assert.ok(norm > 1e-3);

    async function lossAt(distance: number): Promise<number> {
      const path = join(folder, 'moved.safetensors');
      await loadWeights(session, path, writeFloats(path, moved(fixture, gradients, distance / norm)));
      return (await lossAndGradients(session, dataset, gradient!)).loss;
    }
    // Two step widths cancel the cubic term of the central difference.
    const central = async (h: number) => ((await lossAt(h)) - (await lossAt(-h))) / (2 * h);
    const wide = await central(4e-3);
    const narrow = await central(2e-3);
    const slope = (4 * narrow - wide) / 3;
    const difference = Math.abs(slope - norm) / norm;
    t.diagnostic(`slope ${slope.toFixed(6)}, gradient norm ${norm.toFixed(6)}: ${difference.toExponential(2)} apart`);
    assert.ok(difference < tolerances.finiteDifference);
  });
}
