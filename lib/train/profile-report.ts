/** Totals of a profile by phase, by kernel and in full. */
import type { NativeProfileRow } from '../native/boundary.ts';
import type { Recorded } from './profile.ts';

/** Of one phase or kernel. Rates are null where no time was taken or nothing was counted. */
export interface Totals {
  readonly count: number;
  readonly seconds: number;
  /** Of its job's time. */
  readonly share: number;
  readonly flops: number;
  readonly gflops_per_second: number | null;
  readonly bytes: number;
  readonly gb_per_second: number | null;
}

export interface ProfileReport {
  readonly format: 'lrdist-profile/1';
  /** Optimizer steps recorded, and their mean time. */
  readonly steps: number;
  readonly seconds_per_step: number | null;
  /** Calls of the engine: `train`, `evaluate`, `fisher`, `gradient`. */
  readonly jobs: readonly { readonly job: string; readonly count: number; readonly seconds: number }[];
  /** Add up to their jobs: `other` is what lies between the phases. */
  readonly phases: readonly (Totals & { readonly job: string; readonly phase: string })[];
  /** Add up to their jobs: `other` is what lies between the kernels. */
  readonly kernels: readonly (Totals & { readonly job: string; readonly kernel: string })[];
  /** Kernels by phase, layer and shape. */
  readonly details: readonly (Totals & Place)[];
  /** Phases of the process around the engine; they may contain one another. */
  readonly process: readonly { readonly phase: string; readonly count: number; readonly seconds: number }[];
}

interface Place {
  readonly job: string;
  readonly phase: string;
  /** null = none. */
  readonly layer: number | null;
  readonly kernel: string;
  /** Shape of a layer's weight, or a width. null = none. */
  readonly shape: string | null;
}

type Sums = Pick<NativeProfileRow, 'count' | 'seconds' | 'flops' | 'bytes'>;

/** Contains the other phases of its step. */
const wholeStep = 'step';

export function profileReport({ engine, phases }: Pick<Recorded, 'engine' | 'phases'>): ProfileReport {
  const rows = engine?.rows ?? [];
  const jobs = rows.filter(isJob);
  const kernels = rows.filter((row) => row.kernel !== '');
  const parts = rows.filter((row) => row.kernel === '' && row.phase !== '' && row.phase !== wholeStep);
  const seconds = new Map(jobs.map((row) => [row.job, row.seconds]));
  const totals = (job: string, sums: Sums): Totals => totalsOf(sums, seconds.get(job)!);
  const inJob = (job: string, list: readonly NativeProfileRow[]) => list.filter((row) => row.job === job);

  const phaseSums = (job: string): Map<string, Sums> => {
    const sums = sumBy(inJob(job, parts), ({ phase }) => phase);
    for (const [phase, { flops, bytes }] of sumBy(inJob(job, kernels), (row) => row.phase)) {
      const own = sums.get(phase);
      if (own !== undefined) sums.set(phase, { ...own, flops, bytes });
    }
    return withRest(sums, seconds.get(job)!);
  };
  const kernelSums = (job: string): Map<string, Sums> =>
    withRest(
      sumBy(inJob(job, kernels), ({ kernel }) => kernel),
      seconds.get(job)!,
    );
  const steps = rows.find((row) => row.job === 'train' && row.phase === wholeStep && row.kernel === '');
  return {
    format: 'lrdist-profile/1',
    steps: steps?.count ?? 0,
    seconds_per_step: steps === undefined ? null : steps.seconds / steps.count,
    jobs: jobs.map(({ job, count, seconds: time }) => ({ job, count, seconds: time })),
    phases: jobs.flatMap(({ job }) =>
      [...phaseSums(job)].map(([phase, sums]) => ({ job, phase, ...totals(job, sums) })),
    ),
    kernels: jobs.flatMap(({ job }) =>
      slowestFirst(kernelSums(job)).map(([kernel, sums]) => ({ job, kernel, ...totals(job, sums) })),
    ),
    details: kernels.map((row) => ({ ...placeOf(row), ...totals(row.job, row) })),
    process: processTotals(phases),
  };
}

function isJob(row: NativeProfileRow): boolean {
  return row.phase === '' && row.kernel === '';
}

function totalsOf({ count, seconds, flops, bytes }: Sums, whole: number): Totals {
  const rate = (amount: number): number | null => (amount > 0 && seconds > 0 ? amount / seconds / 1e9 : null);
  return {
    count,
    seconds,
    share: whole > 0 ? seconds / whole : 0,
    flops,
    gflops_per_second: rate(flops),
    bytes,
    gb_per_second: rate(bytes),
  };
}

function sumBy(rows: readonly NativeProfileRow[], key: (row: NativeProfileRow) => string): Map<string, Sums> {
  const sums = new Map<string, Sums>();
  for (const row of rows) {
    const { count, seconds, flops, bytes } = sums.get(key(row)) ?? { count: 0, seconds: 0, flops: 0, bytes: 0 };
    sums.set(key(row), {
      count: count + row.count,
      seconds: seconds + row.seconds,
      flops: flops + row.flops,
      bytes: bytes + row.bytes,
    });
  }
  return sums;
}

function withRest(sums: Map<string, Sums>, whole: number): Map<string, Sums> {
  let seconds = whole;
  for (const part of sums.values()) seconds -= part.seconds;
  return new Map([...sums, ['other', { count: 1, seconds, flops: 0, bytes: 0 }]]);
}

function slowestFirst(sums: Map<string, Sums>): [string, Sums][] {
  return [...sums].sort(([, a], [, b]) => b.seconds - a.seconds);
}

function placeOf({ job, phase, layer, kernel, columns, inner }: NativeProfileRow): Place {
  const shape = inner > 0 ? `${columns}x${inner}` : columns > 0 ? String(columns) : null;
  return { job, phase, layer: layer < 0 ? null : layer, kernel, shape };
}

function processTotals(phases: Recorded['phases']): ProfileReport['process'] {
  const sums = new Map<string, { count: number; seconds: number }>();
  for (const { name, start, end } of phases) {
    const { count, seconds } = sums.get(name) ?? { count: 0, seconds: 0 };
    sums.set(name, { count: count + 1, seconds: seconds + (end - start) / 1000 });
  }
  return Array.from(sums, ([phase, own]) => ({ phase, ...own }));
}
