import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gpuFloor } from '../../../bench/lib/gpu-floor.ts';
import { goals } from '../../../bench/lib/goals.ts';
import { parseCommandLine } from '../../../bench/lib/options.ts';
import { peerDevice } from '../../../bench/lib/programs.ts';
import { goalTable } from '../../../bench/lib/table.ts';
import type { Result } from '../../../bench/lib/results.ts';

const base = { hidden: 768, layers: 12, intermediate: 3072 };
const work = {
  tokens: 1024,
  rows: 32,
  squares: 32 * 32 ** 2,
  moved: 109.5e6,
  converted: 85e6,
  precision: 'bf16' as const,
};

test('the floor is the greater of operations and bytes', () => {
  // About half a TFLOP for BERT-base and 1,024 tokens.
  const fast = gpuFloor(base, work, { flops: 1e30, copyBytes: 4e12 });
  assert.ok(fast.flops > 0.45e12 && fast.flops < 0.55e12, String(fast.flops));
  assert.equal(fast.seconds, fast.bytes / 4e12);
  const slow = gpuFloor(base, work, { flops: 1e12, copyBytes: 4e15 });
  assert.equal(slow.seconds, slow.flops / 1e12);
  assert.ok(gpuFloor(base, { ...work, precision: 'fp32' }, { flops: 1e30, copyBytes: 4e12 }).bytes > fast.bytes);
});

test('goals on a GPU have a line only where there is a result', () => {
  const onGpu = goals.filter(({ onlyMeasured }) => onlyMeasured === true);
  assert.ok(onGpu.length > 0);
  assert.equal(goalTable(onGpu, [], '').split('\n').length, 2);
  assert.match(goalTable(goals, [], ''), /not measured/);
  const result = {
    case: 'gpu-epoch',
    variant: 'bert-base-sst2-bf16',
    headline: '',
    commands: {},
    seeds: [1],
    date: '2027-01-01',
    seconds: { median: 200, least: 190, most: 250 },
    machine: { name: 'nvidia-h200', processor: '', cores: 16, memoryBytes: 1, system: '', card: 'NVIDIA H200' },
    versions: {},
  } satisfies Result;
  const table = goalTable(onGpu, [{ file: 'x.json', result }], '');
  assert.match(table, /\| ≤ 240 s \| \*\*200 s\*\* \(190 s to 250 s\) \| yes \| \[nvidia-h200\]\(x\.json\)/);
  assert.equal(table.split('\n').length, 3);
});

test('the device of a benchmark', () => {
  assert.equal(parseCommandLine(['step']).for({}).device, 'cpu');
  assert.equal(parseCommandLine(['gpu-step']).for({ defaults: { device: 'cuda' } }).device, 'cuda');
  const line = parseCommandLine(['gpu-step', '--device', 'cuda:1', '--precisions', 'tf32,bf16']);
  assert.deepEqual([line.for({}).device, line.for({}).precisions], ['cuda:1', ['tf32', 'bf16']]);
});

test('the peers run on one device', () => {
  assert.equal(peerDevice('cuda:1'), 'cuda:1');
  assert.equal(peerDevice('emulated'), 'cpu');
  for (const device of ['cuda:0,cuda:1', 'cuda:all', 'emulated,emulated'])
    assert.throws(() => peerDevice(device), /run on one device/);
});
