/** Devices by the names that users give. */
import { LrdistError } from '../errors.ts';
import type { NativeInfo, Precision } from './boundary.ts';

/** What a session's numbers hang on: `cuda:0` and `cuda:1` are of one kind. */
export type DeviceKind = 'cpu' | 'cuda' | 'emulated';

type Facts = Pick<NativeInfo, 'devices' | 'cuda'>;

export function deviceKind(device: string): DeviceKind {
  return device === 'emulated' ? 'emulated' : device.startsWith('cuda') ? 'cuda' : 'cpu';
}

/** Names of the GPUs, in order. */
export function gpus({ devices }: Pick<NativeInfo, 'devices'>): readonly string[] {
  return devices.flatMap(({ name }) => (deviceKind(name) === 'cuda' ? [name] : []));
}

/** What the driver calls a GPU; undefined for other devices. */
export function gpuName(device: string, { devices }: Pick<NativeInfo, 'devices'>): string | undefined {
  const found = deviceKind(device) === 'cuda' ? devices.find(({ name }) => name === device) : undefined;
  return found?.description === '' ? undefined : found?.description;
}

/**
 * `cpu`, `cuda` (the first GPU), `cuda:1`, ..., or `auto`: the first GPU, else the processor. Also `emulated`, for tests: it runs the GPU's kernels on the
 * processor, slowly.
 *
 * @returns the engine's name of the device
 * @throws ERR_DEVICE_UNAVAILABLE saying what is missing
 */
export function chooseDevice(wanted: string, facts: Facts): string {
  if (wanted === 'cpu' || wanted === 'emulated') return wanted;
  const there = gpus(facts);
  if (wanted === 'auto') return there[0] ?? 'cpu';
  if (wanted === 'cuda' && there.length > 0) return there[0]!;
  if (there.includes(wanted)) return wanted;
  if (!/^cuda(:\d+)?$/.test(wanted))
    throw new LrdistError('ERR_DEVICE_UNAVAILABLE', `there is no device "${wanted}"`, {
      remedy: `Use one of cpu, cuda, cuda:N, auto; \`lrdist doctor\` lists the devices.`,
    });
  if (there.length > 0)
    throw new LrdistError('ERR_DEVICE_UNAVAILABLE', `there is no GPU ${wanted}, only ${there.join(', ')}`, {
      remedy: 'Numbers count the GPUs that CUDA_VISIBLE_DEVICES leaves, from 0.',
    });
  throw new LrdistError('ERR_DEVICE_UNAVAILABLE', `there is no GPU to use: ${whyNoGpu(facts)}`, {
    remedy: 'Use --device cpu, or run `lrdist doctor`, which says what to install.',
  });
}

function whyNoGpu({ cuda }: Facts): string {
  if (cuda.problem !== '') return cuda.problem;
  if (cuda.libtorch === '') return 'libtorch is a build without CUDA';
  return cuda.driver === '' ? 'no NVIDIA driver is loaded' : 'the driver shows none';
}

/** @throws ERR_DEVICE_UNAVAILABLE for a precision that the device does not compute in */
export function choosePrecision(precision: Precision, device: string, { bf16 }: Pick<NativeInfo, 'bf16'>): Precision {
  if (deviceKind(device) !== 'cpu' || precision === 'fp32') return precision;
  if (precision === 'tf32')
    throw new LrdistError('ERR_DEVICE_UNAVAILABLE', 'tf32 is a way of GPUs to multiply, and the device is cpu', {
      remedy: 'Leave --tf32 out, or use --device cuda.',
    });
  if (bf16) return precision;
  throw new LrdistError('ERR_DEVICE_UNAVAILABLE', 'this processor does not compute in bfloat16', {
    remedy: 'Leave --bf16 out; on CPUs it needs avx512_bf16 or amx_bf16.',
  });
}
