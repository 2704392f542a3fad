import { test } from 'node:test';
import { assertWithin, relativeDifference } from './helpers/compare.ts';
import { fixtureNames, readFixture, type TrainingCase } from './helpers/fixture.ts';
import { addRows, openSession, runSteps } from './helpers/session.ts';
import { tolerances } from './helpers/tolerances.ts';

/** First group one of whose patterns occurs in the name. */
function groupOf(run: TrainingCase, name: string): number {
  return run.groups.findIndex(({ match }) => match.some((pattern) => name.includes(pattern)));
}

for (const name of fixtureNames()) {
  const fixture = readFixture(name);
  for (const run of fixture.training) {
    test(`${name}: ${run.steps.length} losses of ${run.optimizer} are torch's (${run.name})`, async (t) => {
      const session = await openSession(fixture);
      t.after(() => session.closeSync());
      session.setPlan({
        // The fixture's patterns are for Hugging Face's names, where a single head's classifier has no name of its own.
        groupOf: Int32Array.from(
          session.parameters().map((p) => groupOf(run, p.name.replace('classifier.main.', 'classifier.'))),
        ),
        groups: run.groups.length,
        rates: Float64Array.from(run.groups.map(({ rate }) => rate)),
        decay: Float64Array.from(run.groups.map(({ decay }) => decay)),
        optimizer: { name: run.optimizer, beta1: 0.9, beta2: 0.999, eps: 1e-8 },
        moments: 'fresh',
      });
      const result = await runSteps(session, addRows(session, fixture), run);
      const losses = relativeDifference(result.losses, run.losses);
      const norms = relativeDifference(result.gradNorms, run.gradNorms);
      t.diagnostic(
        `losses ${run.losses[0]!.toFixed(4)} to ${run.losses.at(-1)!.toFixed(4)}, off by at most ${losses.toExponential(2)} relative; gradient norms ${norms.toExponential(2)}`,
      );
      assertWithin('losses', losses, tolerances.trajectory);
      assertWithin('gradient norms', norms, tolerances.gradNorm);
    });
  }
}
