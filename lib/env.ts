/** Every environment variable lrdist reads, with the text that docs and `--help` show. */
export const environment = {
  LIBTORCH: 'folder of a libtorch (with include/ and lib/) to build against',
  LIBTORCH_USE_PYTORCH: '1 = use the torch of the Python on PATH',
  LIBTORCH_BYPASS_VERSION_CHECK: '1 = accept a libtorch of any version',
  LRDIST_CACHE: 'cache folder (default: $XDG_CACHE_HOME/lrdist or ~/.cache/lrdist)',
  LRDIST_ADDON: 'path of the built addon to load instead of the usual places',
  LRDIST_DATA: 'folder with glue/ and models/ for the tests that need real data',
  LRDIST_MARCH: 'value of -march for the native build (default native)',
  LRDIST_MATMUL: 'mkl, onednn or the choice of a record: library for matrix products instead of measuring',
  LRDIST_NCCL: 'path of libnccl.so, by which several GPUs train one job (default: beside libtorch)',
  LRDIST_NVRTC: 'path of libnvrtc.so, the compiler of the GPU kernels (default: beside libtorch)',
  LRDIST_STORAGE: 'storage of studies for commands that are given none',
  LRDIST_TEST_DEVICE: 'device that native and parity tests run on (default cpu)',
  LRDIST_THREADS: 'compute threads (default: the physical cores)',
  HF_HOME: "Hugging Face's home folder (default ~/.cache/huggingface)",
  HF_HUB_CACHE: 'folder of the hub cache (default $HF_HOME/hub)',
  HF_ENDPOINT: 'address of the hub (default https://huggingface.co)',
  HF_TOKEN: 'access token for the hub',
  HF_HUB_OFFLINE: '1 = never download models',
  HF_TOKEN_PATH: 'file with the access token for the hub (default $HF_HOME/token)',
  CUDA_VISIBLE_DEVICES: 'numbers or UUIDs of the GPUs that may be used; cuda:0 is the first of them',
  XDG_CACHE_HOME: 'folder of user caches (default ~/.cache)',
  NO_COLOR: 'any value = no colours',
} as const;

export type EnvironmentVariable = keyof typeof environment;

export function env(name: EnvironmentVariable): string | undefined {
  const value = process.env[name];
  return value === undefined || value === '' ? undefined : value;
}
