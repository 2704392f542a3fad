import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import { openStorage } from '../../../lib/search/storage/open.ts';
import type { Claim, Outcome, Storage } from '../../../lib/search/storage/storage.ts';
import type { Json, Trial } from '../../../lib/search/trial.ts';
import { definition, point } from './data.ts';
import type { Kind } from './kinds.ts';

/** A call, in which a claim is named by its place among all that were made. */
type Call =
  | { readonly do: 'add' | 'attach'; readonly count: number }
  | { readonly do: 'claim'; readonly count: number; readonly expires: boolean; readonly trials: number[] | undefined }
  | { readonly do: 'renew' | 'release'; readonly claims: number[] }
  | { readonly do: 'report'; readonly claim: number; readonly step: number; readonly value: number }
  | { readonly do: 'annotate'; readonly claim: number; readonly attributes: Record<string, Json> }
  | { readonly do: 'note'; readonly trials: number[]; readonly attributes: Record<string, Json> }
  | { readonly do: 'finish'; readonly claim: number; readonly outcome: Outcome };

const score = fc.double({ noNaN: true, noDefaultInfinity: true });
const index = fc.nat(5);
const attributes = fc.dictionary(fc.string(), fc.jsonValue() as fc.Arbitrary<Json>, { maxKeys: 3 });
const outcome: fc.Arbitrary<Outcome> = fc.oneof(
  fc.record({
    state: fc.constant('complete' as const),
    values: fc.tuple(score, score),
    constraints: fc.option(fc.array(score)),
    attributes,
  }),
  fc.record({ state: fc.constant('pruned' as const), values: fc.option(fc.tuple(score, score)) }),
  fc.record({ state: fc.constant('failed' as const), values: fc.constant(null), error: fc.string({ unit: 'binary' }) }),
);
const call: fc.Arbitrary<Call> = fc.oneof(
  fc.record({ do: fc.constantFrom('add' as const, 'attach' as const), count: fc.nat(3) }),
  fc.record({
    do: fc.constant('claim' as const),
    count: fc.nat(3),
    expires: fc.boolean(),
    trials: fc.option(fc.array(index), { nil: undefined }),
  }),
  fc.record({ do: fc.constantFrom('renew' as const, 'release' as const), claims: fc.uniqueArray(index) }),
  fc.record({ do: fc.constant('report' as const), claim: index, step: fc.integer({ min: 1, max: 3 }), value: score }),
  fc.record({ do: fc.constant('annotate' as const), claim: index, attributes }),
  fc.record({ do: fc.constant('note' as const), trials: fc.array(index), attributes }),
  fc.record({ do: fc.constant('finish' as const), claim: index, outcome }),
);

/** Makes the calls. @returns what they answered, and the trials at the end, without times and tokens */
async function play(storage: Storage, calls: readonly Call[]): Promise<unknown[]> {
  const { id } = await storage.createStudy(definition);
  const claims: Claim[] = [];
  const answers: unknown[] = [];
  for (const step of calls) answers.push(await make(storage, id, step, claims));
  return [...answers, (await storage.trials(id)).map(timeless)];
}

async function make(storage: Storage, id: number, step: Call, claims: Claim[]): Promise<unknown> {
  const claim = 'claim' in step ? claims[step.claim % claims.length] : undefined;
  switch (step.do) {
    case 'add':
      return (await storage.locked(id, ({ add }) => add(Array.from({ length: step.count }, (_, i) => point(i))))).map(
        timeless,
      );
    case 'note':
      return storage.locked(id, ({ annotate }) => annotate(step.trials, step.attributes));
    case 'attach': {
      const trial = { ...point(9), origin: 'attached', state: 'complete', values: [1, 2] } as const;
      return (
        await storage.attach(
          id,
          Array.from({ length: step.count }, () => trial),
        )
      ).map(timeless);
    }
    case 'claim': {
      const { count, trials, expires } = step;
      const options = { count, worker: 'w', lease: expires ? 1 : 600_000, ...(trials === undefined ? {} : { trials }) };
      const made = await storage.claim(id, options);
      if (expires) await delay(12); // The clock of a file system is this coarse.
      claims.push(...made);
      return made.map(({ trial }) => timeless(trial));
    }
    case 'renew': {
      const held = await storage.renew(
        id,
        claims.filter((_, i) => step.claims.includes(i)),
        600_000,
      );
      return held.map((renewed) => claims.indexOf(renewed));
    }
    case 'release':
      return storage.release(
        id,
        claims.filter((_, i) => step.claims.includes(i)),
      );
    case 'report':
      return claim && storage.report(id, claim, { step: step.step, values: [step.value, -step.value] });
    case 'annotate':
      return claim && storage.annotate(id, claim, step.attributes);
    case 'finish':
      return claim && storage.finish(id, claim, step.outcome);
  }
}

function timeless({ created, started, finished, ...trial }: Trial): unknown {
  return { ...trial, created: created > 0, started: started !== null, finished: finished !== null };
}

export function modelCases(kind: Kind): void {
  test('any calls are answered as by the storage in memory', async () => {
    const property = fc.asyncProperty(fc.array(call, { minLength: 5, maxLength: 25 }), async (calls) => {
      const model = await openStorage('memory:');
      const storage = await openStorage(await kind.address());
      try {
        assert.deepEqual(await play(storage, calls), await play(model, calls));
      } finally {
        await storage.close();
      }
    });
    await fc.assert(property, { numRuns: 12, seed: 20260724, endOnFailure: true });
  });
}
