import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parameterImportance } from '../../../../lib/search/importance.ts';
import type { Direction, Parameters, Space } from '../../../../lib/search/space.ts';

interface Case {
  readonly direction: Direction;
  readonly target: number;
  readonly region: number;
  readonly importance: Readonly<Record<string, number>>;
  readonly trials: readonly { readonly parameters: Parameters; readonly value: number }[];
}
const { cases } = JSON.parse(readFileSync(new URL('importance.json', import.meta.url), 'utf8')) as { cases: Case[] };

const space: Space = {
  x: { kind: 'float', low: -2, high: 2 },
  rate: { kind: 'float', low: 1e-6, high: 1e-2, log: true },
  layers: { kind: 'int', low: 1, high: 12 },
  batch: { kind: 'int', low: 4, high: 256, log: true },
  shape: { kind: 'categorical', choices: ['flat', 'fast-head', 'llrd'] },
  fixed: { kind: 'float', low: 1, high: 1 },
};

const complete = ({ parameters, value }: Case['trials'][number]) => ({
  state: 'complete' as const,
  values: [value],
  parameters,
});

for (const { direction, target, region, importance, trials } of cases)
  test(`as Optuna has it: ${trials.length} trials, best ${target} of the best ${region}, ${direction}`, () => {
    const ours = parameterImportance(trials.map(complete), space, [direction], { target, region });
    for (const { name, importance: value } of ours)
      assert.ok(Math.abs(value - importance[name]!) < 1e-6, `${name}: ${value}, not ${importance[name]}`);
    assert.deepEqual(
      ours.map(({ importance: value }) => value),
      ours.map(({ importance: value }) => value).sort((a, b) => b - a),
    );
  });

test('with several objectives the good trials are those of the front', () => {
  // x trades one objective for the other, and both fall with the layers: they decide who is on the front.
  const trials = Array.from({ length: 300 }, (_, i) => {
    const parameters = { x: (i % 17) / 8 - 1, layers: 1 + (i % 12), shape: 'flat', rate: 1e-4, batch: 8, fixed: 1 };
    const values = [parameters.x - parameters.layers, -parameters.x - parameters.layers];
    return { state: 'complete' as const, values, parameters };
  });
  assert.equal(parameterImportance(trials, space, ['maximize', 'maximize'])[0]?.name, 'layers');
});

test('too few trials say nothing', () => {
  const none = parameterImportance([], space, ['minimize']);
  assert.deepEqual([none.length, none.every(({ importance }) => importance === 0)], [6, true]);
  assert.throws(() => parameterImportance([], space, ['minimize'], { target: 0.6, region: 0.5 }), /target/);
});
