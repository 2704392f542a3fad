import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  defaultProcesses,
  ownDevice,
  requireDevices,
  searchDevices,
  slotsOf,
  spread,
} from '../../../lib/cli/search/devices.ts';
import { participation } from '../../../lib/cli/search/plan.ts';
import { refuses } from './helpers.ts';

const gpu = (name: string) => ({ CUDA_VISIBLE_DEVICES: name });

test('each child process sees one GPU', () => {
  assert.deepEqual(slotsOf(['cpu'], 2, '0,1'), [{}, {}]);
  assert.deepEqual(slotsOf(['emulated', 'emulated'], 2, '0'), [{}, {}]);
  // In turn, by the names that this process sees them under.
  assert.deepEqual(slotsOf(['cuda:0', 'cuda:1'], 3, '4,7'), [gpu('4'), gpu('7'), gpu('4')]);
  assert.deepEqual(slotsOf(['cuda:0', 'cuda:1'], 3, undefined), [gpu('0'), gpu('1'), gpu('0')]);
  assert.deepEqual(slotsOf(['cuda'], 1, ''), [gpu('0')]);
  const mig = 'GPU-8932f937, MIG-1c0fbf4b';
  assert.deepEqual(slotsOf(['cuda:0', 'cuda:1'], 2, mig), [gpu('GPU-8932f937'), gpu('MIG-1c0fbf4b')]);
  // One by its number, and some of several in the order given.
  assert.deepEqual(slotsOf(['cuda:1'], 2, '4,7'), [gpu('7'), gpu('7')]);
  assert.deepEqual(slotsOf(['cuda:3', 'cuda:0'], 3, undefined), [gpu('3'), gpu('0'), gpu('3')]);
});

test('trials are spread over the devices of a list, a child process for each', () => {
  for (const [given, devices, own, processes] of [
    [undefined, undefined, undefined, 0],
    ['cpu', 'cpu', 'cpu', 0],
    ['cuda:1', 'cuda:1', 'cuda:1', 0],
    ['cuda:2, cuda:0', 'cuda:2,cuda:0', 'cuda:2', 2],
    ['emulated,emulated,emulated', 'emulated,emulated,emulated', 'emulated', 3],
  ] as const) {
    const args = given === undefined ? {} : { device: given };
    assert.equal(searchDevices(args), devices);
    assert.equal(ownDevice(devices), own);
    assert.equal(defaultProcesses(devices), processes);
    assert.equal(participation(args).processes, processes);
  }
  assert.equal(searchDevices({ device: 'cuda:all' }), 'cuda');
  assert.equal(participation({ device: 'emulated,emulated', processes: 1 }).processes, 1);
  assert.deepEqual(spread('cuda,cuda:2'), ['cuda:0', 'cuda:2']);
});

test('what is no list of devices is refused before anything begins', () => {
  for (const device of ['gpu', 'cuda:0,cuda:0', 'cpu,cpu', 'cpu,cuda:1', 'cuda:0,auto'])
    refuses(() => searchDevices({ device }), 'ERR_DEVICE_UNAVAILABLE');
  refuses(() => requireDevices('cuda:4095'), 'ERR_DEVICE_UNAVAILABLE');
  for (const devices of [undefined, 'cpu', 'emulated,emulated']) requireDevices(devices);
});

test('every device gets as many child processes as the others, but one', () => {
  const chosen = fc.uniqueArray(fc.nat(15), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(chosen, fc.integer({ min: 1, max: 20 }), (numbers, processes) => {
      const slots = slotsOf(spread(numbers.map((each) => `cuda:${each}`).join(',')), processes, undefined);
      const counts = numbers.map(
        (each) => slots.filter(({ CUDA_VISIBLE_DEVICES: name }) => name === String(each)).length,
      );
      assert.equal(slots.length, processes);
      assert.equal(
        counts.reduce((sum, count) => sum + count, 0),
        processes,
      );
      assert.ok(Math.max(...counts) - Math.min(...counts) <= 1);
    }),
  );
});
