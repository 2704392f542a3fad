import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { signedRankP } from '../../../../lib/search/pruners/signed-rank.ts';

interface Case {
  readonly n: number;
  readonly kind: string;
  readonly differences: readonly number[];
  readonly p: number;
}
const { cases } = JSON.parse(readFileSync(new URL('wilcoxon.json', import.meta.url), 'utf8')) as { cases: Case[] };

for (const { n, kind, differences, p } of cases)
  test(`as SciPy has it: ${n} differences, ${kind}`, () => {
    assert.ok(Math.abs(signedRankP(differences) - p) < 1e-9, `${signedRankP(differences)}, not ${p}`);
  });

test('no differences say nothing', () => {
  assert.equal(signedRankP([]), 1);
  assert.equal(signedRankP([0, 0, 0]), 1);
});

test('five differences above 0 have one sign pattern in 32', () => {
  assert.equal(signedRankP([1, 2, 3, 4, 5]), 1 / 32);
  assert.equal(signedRankP([-1, -2, -3, -4, -5]), 1);
});
