/**
 * The devices of a search. Trials are spread over them, a child process for each: they need nothing of one another, so that nothing is exchanged. (`train` and
 * the like train one job on all devices of a list.)
 */
import { env } from '../../env.ts';
import { chooseDevices, deviceList } from '../../native/choose-device.ts';
import { deviceKind, gpus } from '../../native/devices.ts';
import { loadNative } from '../../native/load.ts';
import type { SearchArguments } from './options.ts';
import { textOf } from './reading.ts';

/**
 * `--device` of a search or a worker: `auto` as what it comes to here, `cuda:all` as `cuda`, which means all GPUs. They need not be on this machine.
 *
 * @throws ERR_DEVICE_UNAVAILABLE for what is no list of devices
 */
export function searchDevices(args: SearchArguments): string | undefined {
  const text = textOf(args, 'device');
  if (text === undefined) return undefined;
  const names = deviceList(text);
  if (names[0] === 'auto') return gpus(loadNative().info()).length > 0 ? 'cuda' : 'cpu';
  return names.includes('cuda:all') ? 'cuda' : names.join(',');
}

/** @throws ERR_DEVICE_UNAVAILABLE if one is not here */
export function requireDevices(devices: string | undefined): void {
  if (devices !== undefined) chooseDevices(devices, loadNative().info());
}

/** What this process itself computes on: first stages, finalists. */
export function ownDevice(devices: string | undefined): string | undefined {
  return devices?.split(',')[0];
}

/** Child processes where the command line names none: one for each device where there are several, else this process does the work. */
export function defaultProcesses(devices: string | undefined): number {
  const { length } = devices === undefined ? [] : spread(devices);
  return length > 1 ? length : 0;
}

/** The devices one by one. */
export function spread(devices: string): readonly string[] {
  const names = deviceList(devices);
  if (devices !== 'cuda') return names.map((name) => (name === 'cuda' ? 'cuda:0' : name));
  const there = gpus(loadNative().info());
  return there.length > 0 ? there : names;
}

/**
 * The environment of each child: devices are dealt out in turn, and of GPUs a child sees its own alone.
 *
 * @param visible CUDA_VISIBLE_DEVICES: numbers or UUIDs of the GPUs, in the order in which they are counted here
 */
export function slotsOf(
  devices: readonly string[],
  processes: number,
  visible = env('CUDA_VISIBLE_DEVICES'),
): readonly Readonly<Record<string, string>>[] {
  const names = visible === undefined ? [] : visible.split(',').map((name) => name.trim());
  return Array.from({ length: processes }, (_, i) => {
    const device = devices[i % devices.length]!;
    if (deviceKind(device) !== 'cuda') return {};
    const gpu = Number(device.split(':')[1] ?? 0);
    return { CUDA_VISIBLE_DEVICES: names[gpu] || String(gpu) };
  });
}
