import type { Argv, CommandModule } from 'yargs';
import { LrdistError } from '../../errors.ts';
import { formatBytes, type Notices } from '../../native/notice.ts';
import { setUp } from '../../native/setup.ts';
import { pinnedVersion, supportedVersions } from '../../native/versions.ts';
import type { Output } from '../output.ts';
import { command } from '../run.ts';

interface Arguments {
  readonly python?: string | undefined;
  readonly device?: 'auto' | 'cpu' | 'cuda' | undefined;
  readonly libtorch_version?: string | undefined;
  readonly url?: string | undefined;
  readonly archive?: string | undefined;
  readonly sha256?: string | undefined;
  readonly march?: string | undefined;
  readonly any_version?: boolean | undefined;
  readonly force?: boolean | undefined;
  readonly verbose?: boolean | undefined;
  readonly quiet?: boolean | undefined;
}

const builder = (y: Argv): Argv<Arguments> =>
  y
    .options({
      python: {
        type: 'string',
        requiresArg: true,
        describe: 'build against the torch of this Python (command or path)',
      },
      device: {
        type: 'string',
        requiresArg: true,
        choices: ['auto', 'cpu', 'cuda'] as const,
        defaultDescription: 'auto',
        describe: 'kind of libtorch; auto takes CUDA where an NVIDIA driver is loaded',
      },
      libtorch_version: {
        type: 'string',
        requiresArg: true,
        defaultDescription: pinnedVersion,
        describe: `release to obtain, ${supportedVersions}`,
      },
      archive: {
        type: 'string',
        requiresArg: true,
        describe: 'torch wheel or libtorch archive on disk, instead of downloading',
      },
      url: { type: 'string', requiresArg: true, describe: 'address of a torch wheel or libtorch archive' },
      sha256: { type: 'string', requiresArg: true, describe: 'checksum of that archive' },
      march: {
        type: 'string',
        requiresArg: true,
        defaultDescription: 'native',
        describe: 'processor to compile for, such as x86-64-v3',
      },
      any_version: { type: 'boolean', describe: 'accept a libtorch outside the supported versions' },
      force: { type: 'boolean', describe: 'build although nothing has changed' },
      verbose: { type: 'boolean', describe: 'show what pip and CMake say' },
    })
    .example('lrdist setup', 'find or obtain libtorch, build the addon')
    .example('LIBTORCH=/opt/libtorch lrdist setup', 'against a libtorch of your own')
    .example('lrdist setup --python python3', "against that Python's torch");

async function run(args: Arguments, output: Output, signal: AbortSignal): Promise<void> {
  if (args.archive !== undefined && args.url !== undefined)
    throw new LrdistError('ERR_INVALID_OPTION', 'both --archive and --url: give one');
  if (args.sha256 !== undefined && args.archive === undefined && args.url === undefined) {
    throw new LrdistError('ERR_INVALID_OPTION', '--sha256 belongs to --archive or --url');
  }
  const result = await setUp({
    python: args.python,
    version: args.libtorch_version,
    archive: args.archive,
    url: args.url,
    sha256: args.sha256,
    march: args.march,
    ...(args.device === undefined ? {} : { device: args.device }),
    anyVersion: args.any_version ?? false,
    force: args.force ?? false,
    signal,
    notices: createNotices(output, { verbose: args.verbose ?? false, quiet: args.quiet ?? false }),
  });
  const { libtorch, addon, built } = result;
  output.result({ built, addon, libtorch, steps: result.steps, build: result.metadata }, () =>
    [
      `libtorch ${libtorch.version} (${libtorch.device}) in ${libtorch.path}`,
      `${built ? 'Built' : 'Already built'}: ${addon}`,
    ].join('\n'),
  );
}

/** News of a set-up on standard error: a line that renews itself on a terminal, a line at every fifth of a download elsewhere. */
export function createNotices(
  output: Pick<Output, 'note' | 'stderr'>,
  { verbose, quiet }: { verbose: boolean; quiet: boolean },
): Notices {
  const { stderr } = output;
  let open = false;
  let told = 0;
  const close = (): void => {
    if (open) stderr.write('\n');
    open = false;
  };
  const line = (text: string): void => {
    close();
    output.note(text);
  };
  return {
    say(text) {
      told = 0;
      line(text);
    },
    progress(done, total) {
      if (quiet || done === 0) return;
      const share = total === undefined || total === 0 ? undefined : Math.min(1, done / total);
      const text =
        share === undefined
          ? formatBytes(done)
          : `${formatBytes(done)} of ${formatBytes(total!)}, ${Math.floor(share * 100)} %`;
      if (stderr.isTTY === true) {
        stderr.write(`\r\u001b[K  ${text}`);
        open = true;
      } else if (share !== undefined && Math.floor(share * 5) > told) {
        told = Math.floor(share * 5);
        line(`  ${text}`);
      }
    },
    tool(text) {
      if (verbose) line(text);
    },
  };
}

export default {
  command: 'setup',
  describe: 'find or obtain libtorch and build the native addon',
  builder,
  handler: command<Arguments>((args, { output, signal }) => run(args, output, signal)),
} satisfies CommandModule<object, Arguments>;
