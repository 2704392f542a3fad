import type { Argv, CommandModule } from 'yargs';
import type { NativeDevice } from '../../native/boundary.ts';
import { type DoctorReport, examine } from '../../native/doctor.ts';
import { formatBytes } from '../../native/notice.ts';
import { EXIT } from '../output.ts';
import { command } from '../run.ts';

const builder = (y: Argv): Argv<object> =>
  y
    .example('lrdist doctor', 'facts, a smoke test, and what to do')
    .example('lrdist doctor --json', 'the same for a bug report');

/** The report as lines of name and value. */
export function doctorText(report: DoctorReport): string {
  const { node, system, addon, smoke } = report;
  const info = smoke.ok ? smoke.info : undefined;
  const rows: [string, string][] = [
    [
      'Node',
      `${node.version} ${node.platform} ${node.arch}${node.glibc === undefined ? '' : `, glibc ${node.glibc}`} (${node.path})`,
    ],
    ['Processor', `${system.processor}, ${system.threads} threads`],
    ['Memory', `${formatBytes(system.memoryFree)} of ${formatBytes(system.memory)} free`],
    ...report.disk.map(({ folder, free }): [string, string] => ['Disk', `${formatBytes(free)} free in ${folder}`]),
    ['NVIDIA driver', system.nvidiaDriver ?? 'none'],
    ...report.tools.map(({ name, version }): [string, string] => [name, version ?? 'not found']),
    ...report.lookup.map((step, i): [string, string] => [i === 0 ? 'libtorch' : '', step]),
    ['Addon', addon.there ? addon.path : `not built (${addon.path})`],
    ...(addon.build === undefined
      ? []
      : [
          [
            '',
            `built ${addon.build.date.slice(0, 10)} with libtorch ${addon.build.libtorch.version} (${addon.build.libtorch.device}), -march=${addon.build.march}`,
          ] as [string, string],
        ]),
    ...addon.stale.map((reason): [string, string] => ['', `out of date: ${reason}`]),
    ...(info === undefined
      ? []
      : ([
          ['libtorch', `compiled ${info.libtorchCompiled}, loaded ${info.libtorchLoaded}`],
          ...info.devices.map((device, i): [string, string] => [i === 0 ? 'Devices' : '', deviceText(device)]),
          ...cudaRows(report),
          ['Threads', `${info.threads} by default`],
          ['bfloat16', info.bf16 ? 'computed by the processor (--bf16)' : 'not computed by this processor'],
        ] as [string, string][])),
    [
      'Smoke test',
      smoke.ok
        ? `passed (one training step, loss ${smoke.loss.toFixed(4)})`
        : `FAILED: ${smoke.message} (${smoke.code})`,
    ],
  ];
  const width = Math.max(...rows.map(([name]) => name.length)) + 2;
  const lines = rows.map(([name, value]) => `${name.padEnd(width)}${value}`);
  const advice =
    report.advice.length === 0 ? ['Nothing to do.'] : ['Advice:', ...report.advice.map((text) => `  - ${text}`)];
  return [...lines, '', ...advice].join('\n');
}

function deviceText({ name, description, totalBytes, capability }: NativeDevice): string {
  const card = description === '' ? '' : `${description}, compute capability ${capability}, `;
  return `${name} (${card}${formatBytes(totalBytes)})`;
}

/** Nothing where neither libtorch nor the machine speaks of CUDA. */
function cudaRows({ smoke, cuda }: DoctorReport): [string, string][] {
  const found = smoke.ok ? smoke.info.cuda : undefined;
  if (found === undefined || (found.libtorch === '' && found.driver === '' && cuda.driver === undefined)) return [];
  return [
    ['CUDA', `libtorch ${found.libtorch || 'without'}, driver up to ${found.driver || 'none'}`],
    ['NVRTC', found.nvrtc || 'not found'],
    ...ncclRow(found.nccl, cuda.devices.length),
  ];
}

/** Of interest where there are GPUs to train one job together. */
function ncclRow(version: string | undefined, count: number): [string, string][] {
  if (version === undefined || count < 2) return [];
  return [
    ['NCCL', version === '' ? 'not found: a GPU for each job' : `${version}: all ${count} GPUs can train one job`],
  ];
}

export default {
  command: 'doctor',
  describe: 'check the installation and say what is wrong',
  builder,
  handler: command<object>(async (_args, { output, signal }) => {
    const report = await examine({ signal });
    output.result(report, () => doctorText(report));
    // The report is the result, not an error message; only the exit code tells of the failure.
    if (!report.ok) process.once('exit', () => (process.exitCode = EXIT.failed));
  }),
} satisfies CommandModule<object, object>;
