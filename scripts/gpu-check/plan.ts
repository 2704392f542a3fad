/** The commands of each part. Pure. */
import { join } from 'node:path';
import type { PartName, Settings } from './settings.ts';

export interface Step {
  readonly part: PartName;
  /** Of its log. */
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  readonly environment?: Readonly<Record<string, string>>;
  /** The others of its part are left out if it fails. */
  readonly needed?: true;
}

export interface Machine {
  /** This program's node. */
  readonly node: string;
  readonly root: string;
  /** compute-sanitizer; undefined = not there. */
  readonly sanitizer: string | undefined;
  /** Whether the addon is built by CMake itself, as on a machine without npm: then libtorch's folder. */
  readonly libtorch: string | undefined;
  /** Whether Ninja is there: CMake's default, make, may not be. */
  readonly ninja: boolean;
  /** Test files that can run here. */
  readonly tests: readonly string[];
  readonly cores: number;
}

/** Tests that take the device from LRDIST_TEST_DEVICE; the others would be run again for nothing. */
const onSeveral = /^test\/(parity\/(?!emulated)|native\/(fit|lifecycle|measures|profile)\.)/;

const sanitizers = ['memcheck', 'racecheck', 'initcheck', 'synccheck'] as const;

export function planOf(settings: Settings, machine: Machine): Step[] {
  const { device, parts } = settings;
  const { node, root } = machine;
  const check = join(root, 'native', 'build', 'kernel-check');
  const build = join(root, 'native', 'build');
  const byPart: Readonly<Record<PartName, () => Step[]>> = {
    build: () => [
      ...(machine.libtorch === undefined
        ? [step('build', 'addon', [node, join(root, 'scripts', 'prepare.mjs')])]
        : [
            step('build', 'configure', [
              ...['cmake', ...(machine.ninja ? ['-G', 'Ninja'] : []), '-S', root, '-B', build],
              `-DLIBTORCH=${machine.libtorch}`,
            ]),
            step('build', 'addon', ['cmake', '--build', build, '--target', 'lrdist', '--parallel', `${machine.cores}`]),
          ]),
      step('build', 'kernel-check', [
        'cmake',
        '--build',
        build,
        '--target',
        'kernel-check',
        '--parallel',
        `${machine.cores}`,
      ]),
    ],
    kernels: () => [step('kernels', 'kernel-check', [check, '--device', device])],
    sanitizer: () =>
      sanitizers.map((tool) =>
        step('sanitizer', tool, [
          machine.sanitizer ?? 'compute-sanitizer',
          '--tool',
          tool,
          '--error-exitcode',
          '99',
          check,
          '--kernels',
          '--device',
          device,
        ]),
      ),
    tests: () => [
      step('tests', 'native-and-parity', [node, '--test', '--test-concurrency=2', ...machine.tests], {
        LRDIST_TEST_DEVICE: device,
      }),
    ],
    parity: () => [
      step('parity', 'parity', [
        node,
        join(root, 'scripts', 'gpu-check', 'parity.ts'),
        '--device',
        device,
        ...(settings.results ? [] : ['--no-results']),
      ]),
    ],
    several: () => [
      step('several', 'several', [
        node,
        join(root, 'scripts', 'gpu-check', 'several.ts'),
        '--device',
        device,
        ...(settings.results ? [] : ['--no-results']),
        ...machine.tests.filter((file) => onSeveral.test(file)),
      ]),
    ],
    bench: () =>
      settings.cases.map((name) =>
        step('bench', name, [
          node,
          join(root, 'bench', 'index.ts'),
          name,
          ...['--device', device],
          // The others' own; its weights are made at random.
          ...(name === 'event-loop' ? ['--models', 'bert-base'] : []),
          ...(settings.results ? [] : ['--dry-run']),
          ...settings.benchOptions,
        ]),
      ),
  };
  return parts.flatMap((part) =>
    byPart[part]().map((each): Step => (part === 'build' ? { ...each, needed: true } : each)),
  );
}

function step(part: PartName, name: string, command: readonly string[], environment?: Step['environment']): Step {
  const [program, ...rest] = command as [string, ...string[]];
  return { part, name, command: [program, ...rest], ...(environment === undefined ? {} : { environment }) };
}

/** Why the check cannot begin; undefined if it can. */
export function obstacle(
  settings: Settings,
  found: {
    readonly gpu: boolean;
    readonly sanitizer: boolean;
    /** What is wrong with the Python whose torch is to be built against. */
    readonly python?: string | undefined;
  },
): string | undefined {
  const emulated = settings.device === 'emulated';
  if (!found.gpu && !emulated)
    return [
      'There is no NVIDIA GPU here (neither /dev/nvidiactl nor /proc/driver/nvidia/version is there), and the check is of one.',
      'On a machine with one, run the same command. For a machine without network make an archive: npm run gpu:check -- --pack FILE',
      'What needs no GPU runs here with --device emulated.',
    ].join('\n');
  if (settings.parts.includes('build') && found.python !== undefined) return found.python;
  if (!emulated && settings.parts.includes('sanitizer') && !found.sanitizer)
    return 'compute-sanitizer is not on the PATH: it comes with the CUDA toolkit. Leave it out with --parts build,kernels,tests,parity,several,bench';
  return undefined;
}
