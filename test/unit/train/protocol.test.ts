import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sessionSettings } from '../../../lib/cli/training/session.ts';
import type { Checkpoint } from '../../../lib/train/checkpoint.ts';
import { deviceOf, devicesOf, type Protocol, requireSame } from '../../../lib/train/protocol.ts';

const rest = { model_seed: 3, precision: 'fp32', threads: 4, matmul: 'cublas' };
const one = { ...rest, device: 'cuda', card: 'NVIDIA H200' };
const two = { ...rest, device: 'cuda', devices: 2, card: '2 x NVIDIA H200' };
const emulated = { ...rest, device: 'emulated' };
const twoEmulated = { ...emulated, devices: 2 };

test('a run goes on on another number of devices, and it is said', () => {
  for (const [then, now, expected] of [
    [two, one, 'made on cuda (2 x NVIDIA H200), this run goes on on cuda (NVIDIA H200)'],
    [one, two, 'made on cuda (NVIDIA H200), this run goes on on cuda (2 x NVIDIA H200)'],
    [twoEmulated, emulated, 'made on 2 x emulated, this run goes on on emulated'],
    [emulated, { ...twoEmulated, devices: 3, threads: 1 }, 'made on emulated, this run goes on on 3 x emulated'],
    [two, { ...rest, device: 'cpu', matmul: 'mkl' }, 'made on cuda (2 x NVIDIA H200), this run goes on on cpu'],
  ] as const) {
    const [note, more] = requireSame('checkpoint-4', then, now);
    assert.ok(note?.includes(expected), note);
    assert.equal(more, undefined);
  }
  assert.deepEqual(requireSame('checkpoint-4', two, two), []);
  assert.throws(() => requireSame('checkpoint-4', two, { ...one, model_seed: 4 }), {
    code: 'ERR_PROTOCOL_MISMATCH',
    message: /^(?!.*devices:).*model_seed/s,
  });
  // On the same devices threads must be the same as ever.
  assert.throws(() => requireSame('checkpoint-4', twoEmulated, { ...twoEmulated, threads: 1 }), { message: /threads/ });
});

test('without --device a run goes on on as many devices as its checkpoint was made on', () => {
  const settings = (protocol: Protocol, args: Record<string, string> = {}) =>
    sessionSettings(args, { state: { protocol } } as unknown as Checkpoint);
  assert.equal(devicesOf(two), 'cuda:0,cuda:1');
  assert.equal(deviceOf(two), 'cuda');
  assert.equal(settings(two).device, 'cuda:0,cuda:1');
  assert.equal(settings(one).device, 'cuda');
  assert.equal(settings({ ...twoEmulated, devices: 3 }).device, 'emulated,emulated,emulated');
  assert.equal(settings(two, { device: 'cuda:1' }).device, 'cuda:1');
  // Another number is not another kind: its settings are kept.
  assert.equal(settings(two, { device: 'cuda:1' }).matmul, 'cublas');
  assert.equal(settings(two, { device: 'cpu' }).matmul, undefined);
});
