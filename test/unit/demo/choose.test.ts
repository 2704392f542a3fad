import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bestOfEach } from '../../../lib/demo/choose.ts';
import { candidates } from '../../../lib/demo/demo.ts';
import { describeTask } from '../../../lib/demo/describe.ts';
import { fullDemo, quickDemo } from '../../../lib/demo/settings.ts';
import { demoTask } from '../../../lib/demo/tasks/index.ts';
import { flat } from '../../../lib/rates/distribution.ts';
import { summarize } from '../../../lib/forgetting/summary.ts';
import { pairScores } from '../../../lib/forgetting/scores.ts';

const found = { ...flat(1e-4, 4), name: 'combined' };
const metric = { task: 'a', metric: 'accuracy', chance: 0.5 };

test('of each shape the base with the highest objective is taken; what diverged is not', () => {
  const shapes = candidates(
    {
      shapes: [
        { name: 'flat', bases: [1e-4, 2e-4, 4e-4] },
        { name: 'fast-head', bases: [1e-4, 2e-4] },
      ],
      model: fullDemo.model,
      combinedBases: [0.5, 1],
    },
    found,
  );
  const objectives = [
    [0.5, 0.9, NaN],
    [0.8, 0.8],
    [0.2, 0.4],
  ];
  const runs = shapes.flatMap((shape, s) =>
    shape.map(({ name }, i) => ({
      distribution: name,
      seed: 1,
      state: 'complete' as const,
      ...pairScores([metric, metric], 1, objectives[s]![i]!, 0),
      final_losses: [null, null] as const,
    })),
  );
  const names = shapes.flat().map(({ name }) => name);
  const chosen = bestOfEach(shapes, { summary: summarize(names, [1], runs) });
  assert.deepEqual(
    chosen.map(({ name }) => name),
    ['flat@2e-4', 'fast-head@1e-4', 'combined@1e-4'],
  );
});

test('the settings are fair and whole: flat first, equally many bases for each shape, known tasks', () => {
  for (const { shapes, tasks, model, search, combinedBases } of [fullDemo, quickDemo]) {
    assert.equal(shapes[0]!.name, 'flat');
    assert.deepEqual(new Set(shapes.map(({ bases }) => bases.length)), new Set([combinedBases.length]));
    assert.ok(
      search.pairs.every((pair) => pair.join() !== tasks.join()),
      'the pair of the report is not searched',
    );
    assert.equal(model.hidden % model.heads, 0);
    for (const name of [...tasks, ...search.pairs.flat()])
      assert.match(describeTask(name), new RegExp(`^  ${name}: ${demoTask(name).description.replace(/[()]/g, '.')}`));
    const all = candidates({ shapes, model, combinedBases }, { ...found, layers: model.layers }).flat();
    assert.equal(new Set(all.map(({ name }) => name)).size, all.length);
    assert.ok(all.every(({ layers }) => layers === model.layers || layers === 12));
  }
});
