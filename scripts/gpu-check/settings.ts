/** What a check is asked for on its command line. */
import { parseArgs } from 'node:util';

export const partNames = ['build', 'kernels', 'sanitizer', 'tests', 'parity', 'several', 'bench'] as const;
export type PartName = (typeof partNames)[number];

export interface Settings {
  readonly parts: readonly PartName[];
  /** `cuda`, `cuda:N`, or `emulated` for a rehearsal on the processor. */
  readonly device: string;
  /** Folder for logs; result files go to bench/results. */
  readonly out: string;
  /** Cases of the benchmark. */
  readonly cases: readonly string[];
  /** More options for all of them, as they stand on the command line of the benchmark. */
  readonly benchOptions: readonly string[];
  /** Make an archive instead. */
  readonly pack: string | undefined;
  /** Only say what would run. */
  readonly dryRun: boolean;
  /** Write result files. */
  readonly results: boolean;
  /** Seconds for all of it: what runs at its end is stopped, the rest is left out. */
  readonly limit: number | undefined;
}

export const gpuCases = ['gpu-step', 'gpu-epoch', 'gpu-syncs', 'event-loop'] as const;

export const usage = `npm run gpu:check -- [options] [-- options of the benchmark]
  --parts LIST    of ${partNames.join(', ')}; default: all
  --device NAME   cuda (the default), cuda:N, or emulated: a rehearsal on the processor, without the benchmark
  --cases LIST    of the benchmark: ${gpuCases.join(', ')}; default: all
  --out DIR       folder for logs; default: gpu-check in the system's temporary folder
  --limit SECONDS for all of it: the step that runs at its end is stopped, the rest is left out; logs, summary and result file are written
  --no-results    write no files to bench/results
  --dry-run       say what would run
  --pack FILE     make an archive for a machine without network, at most 60 MiB: tar xf FILE, then sh run.sh with these options`;

/** @throws Error with the usage */
export function parseSettings(argv: readonly string[], temporary: string): Settings {
  const split = argv.indexOf('--');
  const [own, benchOptions] = split < 0 ? [argv, []] : [argv.slice(0, split), argv.slice(split + 1)];
  const text = { type: 'string' } as const;
  let values;
  try {
    ({ values } = parseArgs({
      args: [...own],
      allowNegative: true,
      options: {
        ...{ parts: text, device: text, out: text, cases: text, pack: text, limit: text },
        ...{ 'dry-run': { type: 'boolean' }, results: { type: 'boolean' } },
      },
    }));
  } catch (error) {
    throw new Error(`${(error as Error).message}\n\n${usage}`, { cause: error });
  }
  const { device = 'cuda' } = values;
  if (!/^(cuda(:\d+)?|emulated)$/.test(device))
    throw new Error(`--device: expected cuda, cuda:N or emulated, received ${device}`);
  if (values.limit !== undefined && !/^[1-9]\d{0,5}$/.test(values.limit))
    throw new Error(`--limit: expected a number of seconds, received ${values.limit}`);
  const rehearsal = device === 'emulated';
  const parts =
    listOf('parts', values.parts, partNames) ??
    partNames.filter((name) => !rehearsal || (name !== 'sanitizer' && name !== 'bench'));
  return {
    parts,
    device,
    out: values.out ?? temporary,
    cases: listOf('cases', values.cases, gpuCases) ?? gpuCases,
    benchOptions,
    pack: values.pack,
    dryRun: values['dry-run'] ?? false,
    results: values.results ?? true,
    limit: values.limit === undefined ? undefined : Number(values.limit),
  };
}

function listOf<T extends string>(
  option: string,
  text: string | undefined,
  known: readonly T[],
): readonly T[] | undefined {
  if (text === undefined) return undefined;
  const names = text.split(',').map((name) => name.trim());
  const unknown = names.find((name) => !(known as readonly string[]).includes(name));
  if (unknown !== undefined)
    throw new Error(`--${option}: expected some of ${known.join(', ')}, received "${unknown}"`);
  // In the order in which they make sense.
  return known.filter((name) => names.includes(name));
}
