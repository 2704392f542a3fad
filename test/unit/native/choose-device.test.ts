import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isLrdistError } from '../../../lib/errors.ts';
import type { NativeDevice, NativeInfo } from '../../../lib/native/boundary.ts';
import { chooseDevice, chooseDevices, deviceList } from '../../../lib/native/choose-device.ts';
import { deviceKind, deviceNames } from '../../../lib/native/devices.ts';
import { refuses } from '../cli/helpers.ts';

const cpu: NativeDevice = { name: 'cpu', totalBytes: 16e9, description: '', capability: '' };
const gpu = (_: unknown, index: number): NativeDevice => ({
  ...{ name: `cuda:${index}`, totalBytes: 80e9, description: 'NVIDIA H200', capability: '9.0' },
});
const nothing = { libtorch: '', driver: '', nvrtc: '', nccl: '', problem: '' };
const without: Pick<NativeInfo, 'devices' | 'cuda'> = { devices: [cpu], cuda: nothing };
const cuda = { libtorch: '13.0', driver: '13.0', nvrtc: '/l/libnvrtc.so.13', nccl: '2.29.3', problem: '' };
const withGpus = (count: number): typeof without => ({ devices: [cpu, ...Array.from({ length: count }, gpu)], cuda });
const two = withGpus(2);

test('devices by name', () => {
  for (const [wanted, with2, with0] of [
    ['cpu', 'cpu', 'cpu'],
    ['auto', 'cuda:0', 'cpu'],
    ['cuda', 'cuda:0', undefined],
    ['cuda:1', 'cuda:1', undefined],
    ['emulated', 'emulated', 'emulated'],
  ] as const) {
    assert.equal(chooseDevice(wanted, two), with2);
    if (with0 === undefined) refuses(() => chooseDevice(wanted, without), 'ERR_DEVICE_UNAVAILABLE', /no GPU to use/);
    else assert.equal(chooseDevice(wanted, without), with0);
  }
  refuses(() => chooseDevice('cuda:2', two), 'ERR_DEVICE_UNAVAILABLE', /no GPU cuda:2, only cuda:0, cuda:1/);
  for (const wanted of ['gpu', 'CUDA', 'cuda:', 'cuda:x', 'cpu:0', '', 'mps'])
    refuses(() => chooseDevice(wanted, two), 'ERR_DEVICE_UNAVAILABLE', /there is no device/);
});

test('without a GPU it is said what is missing', () => {
  const why = (cuda: Partial<NativeInfo['cuda']>) => () =>
    chooseDevice('cuda', { ...without, cuda: { ...nothing, ...cuda } });
  refuses(why({}), 'ERR_DEVICE_UNAVAILABLE', /libtorch is a build without CUDA/);
  refuses(why({ libtorch: '13.0' }), 'ERR_DEVICE_UNAVAILABLE', /no NVIDIA driver is loaded/);
  refuses(why({ libtorch: '13.0', driver: '13.0' }), 'ERR_DEVICE_UNAVAILABLE', /the driver shows none/);
  refuses(why({ libtorch: '13.0', problem: 'the card is too old' }), 'ERR_DEVICE_UNAVAILABLE', /: the card is too old/);
});

test('several devices for one job', () => {
  const four = withGpus(4);
  for (const [wanted, expected] of [
    ['cuda:0,cuda:1', 'cuda:0,cuda:1'],
    [' cuda:3 , cuda:0 ', 'cuda:3,cuda:0'],
    ['cuda,cuda:2', 'cuda:0,cuda:2'],
    ['cuda:all', 'cuda:0,cuda:1,cuda:2,cuda:3'],
    ['emulated,emulated,emulated', 'emulated,emulated,emulated'],
  ] as const)
    assert.equal(chooseDevice(wanted, four), expected);
  assert.equal(chooseDevice('cuda:all', withGpus(1)), 'cuda:0');
  refuses(() => chooseDevice('cuda:all', without), 'ERR_DEVICE_UNAVAILABLE', /no GPU to use/);
});

test('lists that are refused, and what to do instead', () => {
  for (const [wanted, message, remedy] of [
    ['cpu,cpu', /there is one processor/, /--threads/],
    ['cpu,cuda:0', /must be of one kind/, /GPUs only/],
    ['emulated,cuda:0', /must be of one kind/, /GPUs only/],
    ['cuda:0,cuda:0', /names cuda:0 twice/, /each GPU once/],
    ['cuda,cuda:0', /names cuda:0 twice/, /cuda is the first/],
    ['cuda:all,cuda:1', /names cuda:1 twice/, /cuda:all are all/],
    ['cuda:0,cuda:2', /no GPU cuda:2, only cuda:0, cuda:1/, /CUDA_VISIBLE_DEVICES/],
    ['cuda:0,auto', /auto chooses one device/, /cuda:all/],
    ['cuda:0,', /there is no device ""/, /lrdist doctor/],
    ['cuda:0;cuda:1', /there is no device "cuda:0;cuda:1"/, /cuda:0,cuda:1/],
  ] as const)
    assert.throws(
      () => chooseDevice(wanted, two),
      (error) =>
        isLrdistError(error) &&
        error.code === 'ERR_DEVICE_UNAVAILABLE' &&
        message.test(error.message) &&
        remedy.test(error.remedy ?? ''),
      wanted,
    );
  assert.deepEqual(deviceList('cuda:0,cuda:7'), ['cuda:0', 'cuda:7'], 'whether they are there is not asked');
});

test('several GPUs need NCCL for one job, and none to be used one by one', () => {
  const bare = { ...two, cuda: { ...cuda, libtorch: '12.8', nccl: '' } };
  assert.throws(() => chooseDevice('cuda:0,cuda:1', bare), {
    code: 'ERR_DEVICE_UNAVAILABLE',
    message: /by NCCL, which is not found/,
    remedy: /nvidia-nccl-cu12 where torch is/,
  });
  assert.equal(chooseDevice('cuda:1', bare), 'cuda:1');
  assert.equal(chooseDevice('emulated,emulated', bare), 'emulated,emulated');
  assert.deepEqual(chooseDevices('cuda:0,cuda:1', bare), ['cuda:0', 'cuda:1']);
  // An addon from before it does not say; the engine finds out.
  const older = { libtorch: '13.0', driver: '13.0', nvrtc: cuda.nvrtc, problem: '' };
  assert.equal(chooseDevice('cuda:all', { ...two, cuda: older }), 'cuda:0,cuda:1');
});

test('any choice of GPUs is kept in its order', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 9 }).chain((count) =>
        fc.record({
          count: fc.constant(count),
          chosen: fc.shuffledSubarray(
            Array.from({ length: count }, (_, i) => `cuda:${i}`),
            { minLength: 1 },
          ),
        }),
      ),
      ({ count, chosen }) => {
        assert.equal(chooseDevice(chosen.join(','), withGpus(count)), chosen.join(','));
        refuses(
          () => chooseDevice([...chosen, chosen[0]].join(','), withGpus(count)),
          'ERR_DEVICE_UNAVAILABLE',
          /twice/,
        );
      },
    ),
  );
});

test('whatever is written, it comes to devices that are there, of one kind, or is refused', () => {
  const word = fc.oneof(
    fc.constantFrom('cpu', 'cuda', 'auto', 'emulated', 'cuda:all', 'cuda:0', 'cuda:1', 'cuda:5', ''),
    fc.string({ maxLength: 6 }),
  );
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 4 }), fc.integer({ min: 0, max: 3 }), (words, count) => {
      const facts = count === 0 ? without : withGpus(count);
      let names;
      try {
        names = deviceNames(chooseDevice(words.join(','), facts));
      } catch (error) {
        assert.ok(isLrdistError(error) && error.code === 'ERR_DEVICE_UNAVAILABLE' && error.remedy !== undefined);
        return;
      }
      const known = ['emulated', ...facts.devices.map(({ name }) => name)];
      assert.ok(names.every((name) => known.includes(name)));
      assert.equal(new Set(names.map(deviceKind)).size, 1);
      const repeated = names.filter((name, i) => names.indexOf(name) < i);
      assert.ok(repeated.every((name) => name === 'emulated'));
    }),
  );
});
