/** Devices by their names. */
import { LrdistError } from '../errors.ts';
import type { NativeInfo, Precision } from './boundary.ts';

/** What a session's numbers hang on: `cuda:0` and `cuda:1` are of one kind. */
export type DeviceKind = 'cpu' | 'cuda' | 'emulated';

/** The devices of a name: one, or those of a list such as `cuda:0,cuda:1`, which train one job together. */
export function deviceNames(device: string): readonly string[] {
  return device.split(',').map((name) => name.trim());
}

/** Those of a list are all of one kind. */
export function deviceKind(device: string): DeviceKind {
  const first = deviceNames(device)[0]!;
  return first === 'emulated' ? 'emulated' : first.startsWith('cuda') ? 'cuda' : 'cpu';
}

/** Names of the GPUs, in order. */
export function gpus({ devices }: Pick<NativeInfo, 'devices'>): readonly string[] {
  return devices.flatMap(({ name }) => (deviceKind(name) === 'cuda' ? [name] : []));
}

/** What the driver calls a GPU, or those of a list: `NVIDIA H200`, `2 x NVIDIA H200`. Undefined for other devices. */
export function gpuName(device: string, { devices }: Pick<NativeInfo, 'devices'>): string | undefined {
  if (deviceKind(device) !== 'cuda') return undefined;
  const counts = new Map<string, number>();
  for (const each of deviceNames(device)) {
    const { description = '' } = devices.find(({ name }) => name === each) ?? {};
    if (description !== '') counts.set(description, (counts.get(description) ?? 0) + 1);
  }
  if (counts.size === 0) return undefined;
  return Array.from(counts, ([name, count]) => (count === 1 ? name : `${count} x ${name}`)).join(', ');
}

/** Kind, number and cards, as records say them: `cuda (2 x NVIDIA H200)`, `2 x emulated`. */
export function deviceText(kind: string, count: number, card: string | undefined): string {
  if (card !== undefined) return `${kind} (${card})`;
  return count === 1 ? kind : `${count} x ${kind}`;
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
