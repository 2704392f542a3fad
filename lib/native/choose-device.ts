/** Devices by the names that users give. */
import { LrdistError } from '../errors.ts';
import type { NativeInfo } from './boundary.ts';
import { ncclPackage } from './cuda-advice.ts';
import { deviceKind, deviceNames, gpus } from './devices.ts';

type Facts = Pick<NativeInfo, 'devices' | 'cuda'>;

/**
 * `cpu`, `cuda` (the first GPU), `cuda:1`, ..., or `auto`: the first GPU, else the processor. Several GPUs for one job: `cuda:0,cuda:1`, or `cuda:all`.
 * Also `emulated`, for tests: it runs the GPU's kernels on the processor, slowly; `emulated,emulated` are two such devices.
 *
 * @returns the engine's name of the device
 * @throws ERR_DEVICE_UNAVAILABLE saying what is missing
 */
export function chooseDevice(wanted: string, facts: Facts): string {
  const names = chooseDevices(wanted, facts);
  if (names.length > 1 && deviceKind(names[0]!) === 'cuda' && facts.cuda.nccl === '')
    throw unavailable(
      `several GPUs exchange gradients by NCCL, which is not found beside libtorch`,
      `Install the Python package ${ncclPackage(facts.cuda.libtorch)} where torch is, or use one GPU.`,
    );
  return names.join(',');
}

/** The devices one by one, all of them there. @throws ERR_DEVICE_UNAVAILABLE */
export function chooseDevices(wanted: string, facts: Facts): readonly string[] {
  const names = deviceList(wanted).flatMap((name) => resolve(name, facts));
  refuseTwice(names, wanted);
  return names;
}

/**
 * The names as they are written, whether or not such devices are here: of one kind, none twice but `emulated`.
 *
 * @throws ERR_DEVICE_UNAVAILABLE
 */
export function deviceList(wanted: string): readonly string[] {
  const names = deviceNames(wanted);
  const unknown = names.find((name) => !/^(cpu|auto|emulated|cuda(:\d+|:all)?)$/.test(name));
  if (unknown !== undefined)
    throw unavailable(
      `there is no device "${unknown}"`,
      'Use one of cpu, cuda, cuda:N, auto, or several GPUs as cuda:0,cuda:1 or cuda:all; `lrdist doctor` lists the devices.',
    );
  if (names.length === 1) return names;
  if (names.every((name) => name === 'cpu'))
    throw unavailable(
      `"${wanted}": there is one processor, whose cores train one job together anyway`,
      'Use --device cpu, and --threads for the number of its cores; in searches --processes.',
    );
  if (names.includes('auto'))
    throw unavailable(`"${wanted}": auto chooses one device by itself`, 'Use it alone, or cuda:all for all GPUs.');
  if (new Set(names.map(deviceKind)).size > 1)
    throw unavailable(
      `"${wanted}": several devices must be of one kind`,
      'Name GPUs only, as cuda:0,cuda:1, or one device.',
    );
  refuseTwice(names, wanted);
  return names;
}

function refuseTwice(names: readonly string[], wanted: string): void {
  const twice = names.find((name, i) => name !== 'emulated' && names.indexOf(name) < i);
  if (twice !== undefined)
    throw unavailable(`"${wanted}" names ${twice} twice`, 'Name each GPU once; cuda is the first, cuda:all are all.');
}

function resolve(name: string, facts: Facts): readonly string[] {
  if (name === 'cpu' || name === 'emulated') return [name];
  const there = gpus(facts);
  if (name === 'auto') return there.length > 0 ? there.slice(0, 1) : ['cpu'];
  if (there.length === 0)
    throw unavailable(
      `there is no GPU to use: ${whyNoGpu(facts)}`,
      'Use --device cpu, or run `lrdist doctor`, which says what to install.',
    );
  if (name === 'cuda:all') return there;
  if (name === 'cuda') return there.slice(0, 1);
  if (there.includes(name)) return [name];
  throw unavailable(
    `there is no GPU ${name}, only ${there.join(', ')}`,
    'Numbers count the GPUs that CUDA_VISIBLE_DEVICES leaves, from 0.',
  );
}

function whyNoGpu({ cuda }: Facts): string {
  if (cuda.problem !== '') return cuda.problem;
  if (cuda.libtorch === '') return 'libtorch is a build without CUDA';
  return cuda.driver === '' ? 'no NVIDIA driver is loaded' : 'the driver shows none';
}

function unavailable(message: string, remedy: string): LrdistError {
  return new LrdistError('ERR_DEVICE_UNAVAILABLE', message, { remedy });
}
