import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ratesAt, type RateDistribution } from '../../../lib/rates/distribution.ts';
import { toPython } from '../../../lib/rates/export/python.ts';
import { phaseFactors } from '../../../lib/rates/phases.ts';
import { unfreezeGradually } from '../../../lib/rates/unfreezing.ts';
import { parseGrouping } from '../../../lib/rates/groupings.ts';
import { buildPlan } from '../../../lib/rates/plan.ts';
import { findPreset, fromPreset } from '../../../lib/rates/presets.ts';
import { convert } from '../../../lib/rates/regroup.ts';

interface Described {
  readonly type: string;
  readonly parameters: Readonly<Record<string, [group: string, rate: number, decay: number]>>;
  readonly frozen: readonly string[];
  readonly all: readonly string[];
}

interface Result extends Readonly<Record<'classifier' | 'no_decay' | 'bare' | 'masked_lm', Described>> {
  readonly depth: string | null;
  readonly empty: string | null;
  readonly unmatched: string | null;
  readonly same_step: boolean;
  readonly trainer?: { rates: number[]; next: number[]; eps: number; decays: number[] };
}

const python = process.env['PYTHON'] ?? 'python3';
// Only looked for, not imported: that alone takes seconds.
const find =
  'import importlib.util as u, sys; sys.exit(not all(map(u.find_spec, ["torch", "transformers", "accelerate"])))';
const found = spawnSync(python, ['-c', find], { stdio: 'ignore' });
const skip = found.status === 0 ? false : `needs ${python} with torch, transformers and accelerate`;
const folder = mkdtempSync(join(tmpdir(), 'lrdist-'));
after(() => rmSync(folder, { recursive: true }));

function ask(name: string, distribution: RateDistribution, trainer: boolean): unknown {
  const file = join(folder, 'rates.py');
  writeFileSync(file, toPython(distribution, { trainer }));
  const script = join(import.meta.dirname, name);
  const ran = spawnSync(python, [script, file, join(folder, 'out')], {
    encoding: 'utf8',
    env: { ...process.env, OMP_NUM_THREADS: '1', TRANSFORMERS_VERBOSITY: 'error', HF_HUB_OFFLINE: '1' },
  });
  assert.equal(ran.status, 0, ran.stderr);
  return JSON.parse(ran.stdout.trim().split('\n').at(-1)!);
}

/** What our own plan gives the parameters, under the names that transformers has. */
function expected(
  distribution: RateDistribution,
  names: readonly string[],
  weightDecay: number,
): Described['parameters'] {
  const ours = names.map((name) => ({ name: /^(bert|classifier|cls)\./.test(name) ? name : `bert.${name}` }));
  const plan = buildPlan(ours, [distribution], { weightDecay });
  return Object.fromEntries(
    names.flatMap((name, p) => {
      const g = plan.groupOf[p]!;
      return plan.rates[g] === 0 ? [] : [[name, [plan.names[g]!, plan.rates[g]!, plan.decay[g]!]]];
    }),
  );
}

const paper = fromPreset(findPreset('paper-combined')!, 2);
const cases: readonly [RateDistribution, trainer: boolean][] = [
  [convert(paper, { groups: parseGrouping('layer-kind').groups(2) }).distribution, true],
  [fromPreset(findPreset('freeze-1')!, 2, 1e-4), false],
];
for (const [distribution, trainer] of cases) {
  test(`${distribution.name} in ${distribution.groups.length} groups: torch gets our groups, rates and decays`, {
    skip,
  }, () => {
    const result = ask('python_groups.py', distribution, trainer) as Result;
    for (const [kind, decay] of [
      ['classifier', 0.01],
      ['no_decay', 0],
      ['masked_lm', 0],
      ['bare', 0],
    ] as const) {
      const { all, parameters, frozen, type } = result[kind];
      const wanted = expected(distribution, all, decay);
      assert.equal(type, 'AdamW');
      assert.deepEqual(parameters, wanted, kind);
      assert.deepEqual([...frozen].sort(), all.filter((name) => wanted[name] === undefined).sort());
    }
    assert.equal(result.same_step, true);
    assert.match(result.depth ?? '', /is for 2 layers, the model has 3/);
    assert.match(result.empty ?? '', /groups without parameters: extra/);
    assert.match(result.unmatched ?? '', /parameters belong to no group: .*classifier\.weight/);
    if (trainer) {
      const { rates, next, eps, decays } = result.trainer!;
      assert.deepEqual([...new Set(rates)].sort(), [...new Set(ratesAt(distribution))].sort());
      // Linear schedule over four steps: after one, three quarters are left of each rate.
      for (const [i, rate] of next.entries()) assert.ok(Math.abs(rate / (0.75 * rates[i]!) - 1) < 1e-9);
      assert.deepEqual([eps, decays], [1e-6, [0, 0.01]]);
    }
  });
}

interface Step {
  readonly rates: Readonly<Record<string, number>>;
  readonly moved: readonly string[];
}

for (const distribution of [
  fromPreset(findPreset('lp-ft-0.3')!, 2, 1e-4),
  unfreezeGradually(fromPreset(findPreset('llrd-0.9')!, 2, 1e-4), 0.25),
]) {
  test(`${distribution.name} with ${distribution.phases!.length} phases: torch steps at our rates, and what waits is frozen`, {
    skip,
  }, () => {
    const result = ask('python_phases.py', distribution, true) as {
      plain: Step[];
      trainer: Step[];
      counts: Record<string, number>;
      refused: string;
    };
    const total = 10;
    const names = distribution.groups.map(({ name }) => name);
    const base = ratesAt(distribution);
    const joined = names.map(() => 0);
    for (let step = 0; step < total; step++) {
      const factors = phaseFactors(distribution, step, total);
      for (const [g, factor] of factors.entries()) if (factor !== 0) joined[g]! += 1;
      for (const [steps, schedule] of [
        [result.plain, 1],
        [result.trainer, 1 - step / total],
      ] as const) {
        const { rates, moved } = steps[step]!;
        for (const [g, name] of names.entries()) {
          const rate = base[g]! * factors[g]! * schedule;
          assert.ok(Math.abs(rates[name]! - rate) <= 1e-9 * rate, `${name} at step ${step}: ${rates[name]}`);
        }
        assert.deepEqual(moved, names.filter((_, g) => factors[g] !== 0).sort());
      }
    }
    assert.deepEqual(result.counts, Object.fromEntries(names.map((name, g) => [name, joined[g]])));
    assert.match(result.refused, /phases need a schedule of the step alone, not .*plateau/i);
  });
}
