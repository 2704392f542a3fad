/** What `--profile` prints and writes. */
import { alignColumns } from '../../rates/table.ts';
import type { Profile } from '../../train/profile.ts';
import { type ProfileReport, profileReport, type Totals } from '../../train/profile-report.ts';
import type { Output } from '../output.ts';

/** Lines of the table of kernels; the rest is in profile.json. */
const mostKernels = 12;

/** Ends the profile; the files need an output folder. */
export async function showProfile(profile: Profile, outputDir: string | undefined, output: Output): Promise<void> {
  const report = outputDir === undefined ? profileReport(profile.end()) : await profile.write(outputDir);
  output.note(profileTables(report));
  if (outputDir !== undefined) output.note(`profile.json and trace.json (for ui.perfetto.dev) are in ${outputDir}`);
}

/** The training by phase and by kernel. */
export function profileTables(report: ProfileReport): string {
  const ofTraining = <T extends { readonly job: string }>(rows: readonly T[]): readonly T[] =>
    rows.filter(({ job }) => job === 'train');
  const table = (title: string, rows: readonly (readonly [string, Totals])[]): string =>
    alignColumns(
      [
        [title, 'share', 'ms/step', 'GFLOP/s', 'GB/s'],
        ...rows.map(([name, totals]) => [name, ...cells(totals, report.steps)]),
      ],
      [false, true, true, true, true],
    );
  const { steps, seconds_per_step: seconds } = report;
  return [
    `profile of ${steps} steps${seconds === null ? '' : `, ${(1000 * seconds).toFixed(1)} ms each`}`,
    table(
      'phase',
      ofTraining(report.phases).map((row) => [row.phase, row]),
    ),
    table(
      'kernel',
      ofTraining(report.kernels)
        .slice(0, mostKernels)
        .map((row) => [row.kernel, row]),
    ),
  ].join('\n\n');
}

function cells({ share, seconds, gflops_per_second, gb_per_second }: Totals, steps: number): string[] {
  const rate = (value: number | null): string => (value === null ? '' : value.toFixed(1));
  return [
    `${(100 * share).toFixed(1)} %`,
    ((1000 * seconds) / Math.max(steps, 1)).toFixed(2),
    rate(gflops_per_second),
    rate(gb_per_second),
  ];
}
