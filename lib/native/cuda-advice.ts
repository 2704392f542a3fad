/** Whether driver, libtorch, NVRTC and card fit together, and what to install where they do not. Pure. */
import type { NativeCuda, NativeDevice } from './boundary.ts';

export interface CudaFacts {
  /** Version of the loaded kernel module, such as "580.65.06". */
  readonly driver: string | undefined;
  /** Whether libtorch has CUDA; undefined where there is none yet. */
  readonly libtorch: 'cpu' | 'cuda' | undefined;
  /** CUDA version that libtorch was built with, where it is known without loading it: "13" or "13.0". */
  readonly libtorchCuda: string | undefined;
  /** What the addon found; undefined where it does not load. */
  readonly found: Pick<NativeCuda, 'libtorch' | 'driver' | 'nvrtc' | 'nccl' | 'problem'> | undefined;
  readonly devices: readonly Pick<NativeDevice, 'name' | 'description' | 'capability'>[];
  /** NVRTC's libraries of built-in functions, beside it. */
  readonly builtins: readonly string[];
}

/** Compute capability that the kernels are written for. */
const leastCapability = 8;

/** The first driver of each CUDA major version (CUDA's release notes, "CUDA Driver"). */
const firstDrivers: readonly (readonly [cuda: number, driver: string])[] = [
  [13, '580.65.06'],
  [12, '525.60.13'],
  [11, '450.80.02'],
];

/** One sentence for each thing to do; nothing on a machine that has no NVIDIA driver, or where all fits. */
export function cudaAdvice(facts: CudaFacts): string[] {
  const { driver, libtorch, found } = facts;
  const driverCuda = found?.driver ?? '';
  if (driver === undefined && driverCuda === '') return [];
  if (libtorch === 'cpu')
    return [
      'An NVIDIA driver is loaded, but libtorch is a CPU build: `npx lrdist setup --device cuda` obtains the other.',
    ];
  if (libtorch === undefined) return [];
  return [
    ...driverAdvice(facts),
    ...(found === undefined || driverCuda === ''
      ? []
      : [...nvrtcAdvice(facts), ...cardAdvice(facts), ...ncclAdvice(facts)]),
  ];
}

function driverAdvice({ driver, libtorchCuda, found }: CudaFacts): string[] {
  const built = known(found?.libtorch) ?? libtorchCuda;
  const major = Number.parseInt(built ?? '', 10);
  if (found !== undefined && found.driver === '')
    return [
      "The NVIDIA kernel module is loaded, but its library libcuda.so.1 is not found: install the driver's user-space package, or start the container with access to GPUs (`docker run --gpus all`).",
    ];
  const supported = known(found?.driver) ?? cudaOfDriver(driver);
  if (supported === undefined || built === undefined || Number.parseInt(supported, 10) >= major) return [];
  const first = firstDrivers.find(([cuda]) => cuda === major)?.[1];
  return [
    `The NVIDIA driver${driver === undefined ? '' : ` ${driver}`} supports CUDA up to ${supported}, and libtorch is built for CUDA ${built}: update the driver${first === undefined ? '' : ` to ${first} or newer`}, or give \`npx lrdist setup --url\` a torch wheel for CUDA ${Number.parseInt(supported, 10)}.`,
  ];
}

function nvrtcAdvice({ found, builtins, libtorchCuda }: CudaFacts): string[] {
  const major = Number.parseInt(known(found!.libtorch) ?? libtorchCuda ?? '13', 10);
  const wheel = major >= 13 ? 'nvidia-cuda-nvrtc' : `nvidia-cuda-nvrtc-cu${major}`;
  if (found!.nvrtc === '')
    return [
      `NVRTC, which compiles the kernels, is not found beside libtorch: install the Python package ${wheel} where torch is, or set LRDIST_NVRTC to the path of libnvrtc.so.${major}.`,
    ];
  if (found!.nvrtc.includes('/') && builtins.length === 0)
    return [
      `NVRTC is ${found!.nvrtc}, but its libnvrtc-builtins is not beside it: install ${wheel} anew, which brings both.`,
    ];
  return [];
}

function cardAdvice({ found, devices, libtorchCuda }: CudaFacts): string[] {
  const cards = devices.filter(({ name }) => name !== 'cpu');
  const old = cards.filter(({ capability }) => Number(capability.split('.')[0]) < leastCapability);
  const advice = old.map(
    ({ name, description, capability }) =>
      `${name} (${description}) has compute capability ${capability}, and the kernels need ${leastCapability}.0 (A100, RTX 30) or higher: use another GPU, or --device cpu.`,
  );
  const tooOld =
    Number.parseInt(found!.driver, 10) < Number.parseInt(known(found!.libtorch) ?? libtorchCuda ?? '0', 10);
  if (cards.length > 0 || tooOld || found!.problem === '') return advice;
  return [`No GPU can be used: ${found!.problem}.`];
}

function ncclAdvice({ found, devices, libtorchCuda }: CudaFacts): string[] {
  if (devices.length < 2 || found!.nccl !== '') return [];
  const wheel = ncclPackage(known(found!.libtorch) ?? libtorchCuda);
  return [
    `There are ${devices.length} GPUs, but no NCCL beside libtorch, by which several train one job: install the Python package ${wheel} where torch is (\`pip install ${wheel}\`), or set LRDIST_NCCL to the path of libnccl.so.2. Searches use all GPUs without it.`,
  ];
}

/** The Python package of NCCL for a libtorch of this CUDA version. */
export function ncclPackage(libtorchCuda: string | undefined): string {
  const major = Number.parseInt(libtorchCuda ?? '', 10);
  return `nvidia-nccl-cu${Number.isNaN(major) ? 13 : major}`;
}

/** CUDA's major version that a driver supports, by its own version; undefined where that is not known. */
export function cudaOfDriver(driver: string | undefined): string | undefined {
  const branch = Number.parseInt(driver ?? '', 10);
  if (Number.isNaN(branch)) return undefined;
  const found = firstDrivers.find(([, first]) => branch >= Number.parseInt(first, 10));
  return found === undefined ? undefined : String(found[0]);
}

/** CUDA's major version in the names of libraries that libtorch_cuda.so asks for. */
export function cudaOfLibraries(needed: readonly string[]): string | undefined {
  for (const name of needed) {
    const major = /^libcudart\b.*\.so\.(\d+)/.exec(name)?.[1];
    if (major !== undefined) return major;
  }
  return undefined;
}

function known(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}
