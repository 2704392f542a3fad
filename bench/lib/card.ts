import { nvidiaDriver } from '../../lib/native/cuda-facts.ts';
import { chooseDevice } from '../../lib/native/choose-device.ts';
import { deviceNames, gpuName } from '../../lib/native/devices.ts';
import { loadNative } from '../../lib/native/load.ts';
import type { Card } from './machine.ts';

/** What result files say of the GPU behind a device's name; undefined for other devices. @throws ERR_DEVICE_UNAVAILABLE */
export function cardOf(device: string): Card | undefined {
  const info = loadNative().info();
  const name = chooseDevice(device, info);
  const card = gpuName(name, info);
  if (card === undefined) return undefined;
  return {
    card,
    driver: nvidiaDriver() ?? 'unknown',
    cuda: `${info.cuda.libtorch} of libtorch, ${info.cuda.driver} of the driver`,
    capability: info.devices.find((each) => each.name === deviceNames(name)[0])!.capability,
  };
}
