import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { accumulate, forget, type Memory, remember } from '../../lib/forgetting/memory.ts';
import { parsePenalty } from '../../lib/forgetting/penalties.ts';
import { flat } from '../../lib/rates/distribution.ts';
import type { Model } from '../../lib/train/model.ts';
import { openModel } from '../../lib/train/open.ts';
import { temporaryFolder } from '../helpers/temporary.ts';
import { writeTinyBert } from '../helpers/tiny-bert.ts';
import { tinyTask } from '../helpers/tiny-task.ts';

const task = tinyTask();
const fisher = { rows: 6, labels: 'data', seed: 1, signal: undefined } as const;

/** One number of a slot, of each replica. */
async function values(model: Model, slot: number, name: string, index: number): Promise<number[]> {
  const parameter = model.parameters.findIndex((each) => each.name === name);
  const all: number[] = [];
  for (let replica = 0; replica < model.replicas; replica++)
    all.push((await model.session.read({ buffer: 'slot', parameter, replica, slot }))[index]!);
  return all;
}

test('EWC over three tasks is one pull to the mean of the anchors weighted by Fisher information; online EWC decays the older one', async () => {
  const path = await writeTinyBert(join(temporaryFolder(), 'model'));
  await using model = await openModel({ path, tasks: [task], threads: 1 });
  const rates = flat(1e-2, 2);
  await model.train({ task, rates, epochs: 1 }).result;
  const old = await remember(model, task, 'tiny', fisher);
  await model.setReplicas([0, 0, 0]);
  await model.train({ task, rates: [1e-2, 3e-3, 1e-3].map((rate) => flat(rate, 2)), epochs: 1 }).result;
  const newest = await remember(model, task, 'tiny', fisher);
  const name = 'bert.encoder.layer.1.output.dense.weight';
  const read = async ({ fisher: f, anchor }: Memory, index: number): Promise<number[][]> => [
    await values(model, f, name, index),
    await values(model, anchor, name, index),
  ];
  const before: (readonly [number[][], number[][]])[] = [];
  for (const index of [0, 9, 77]) before.push([await read(old, index), await read(newest, index)]);
  const [ewc, online] = ['ewc', 'ewc-online@1,0.25'].map((text) => parsePenalty(text).stages[0]!);
  await accumulate(model, old, newest, [ewc, online, undefined]);
  for (const [n, index] of [0, 9, 77].entries()) {
    const [[f0, w0], [f1, w1]] = before[n] as unknown as [[number[], number[]], [number[], number[]]];
    const [f, w] = (await read(newest, index)) as [number[], number[]];
    const near = (actual: number, expected: number): void =>
      assert.ok(Math.abs(actual - expected) <= 1e-6 * Math.abs(expected), `${actual} is not ${expected}`);
    assert.ok(f0[0]! > 0 && f1[0]! > 0 && w0[0] !== w1[0]);
    near(f[0]!, f0[0]! + f1[0]!);
    near(w[0]!, (f0[0]! * w0[0]! + f1[0]! * w1[0]!) / (f0[0]! + f1[0]!));
    near(f[1]!, 0.25 * f0[1]! + f1[1]!);
    assert.equal(w[1], w1[1]);
    assert.deepEqual([f[2], w[2]], [f1[2], w1[2]]);
  }
  const { slots } = model.session.memory();
  forget(model, newest);
  forget(model, old);
  assert.ok(slots > 0 && model.session.memory().slots === 0);
});
