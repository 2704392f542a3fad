import { LrdistError, nearest } from '../errors.ts';
import { packageVersion, topHelp } from './help.ts';
import { EXIT, exitCodeOf, reportError, type Stream } from './output.ts';
import { commands as allCommands, type CommandEntry } from './registry.ts';
import { invocation, type Invocation } from './run.ts';

export interface MainOptions {
  readonly stdout?: Stream;
  readonly stderr?: Stream;
  readonly commands?: readonly CommandEntry[];
}

/** Runs the program with these arguments (without node and script) and returns its exit code. It prints errors, and never throws. */
export async function main(
  argv: readonly string[],
  { stdout = process.stdout, stderr = process.stderr, commands = allCommands }: MainOptions = {},
): Promise<number> {
  const current: Invocation = { stdout, stderr };
  try {
    const code = await invocation.run(current, () => start(argv, current, commands));
    return current.stop?.exitCode ?? code;
  } catch (error) {
    reportError(error, { json: wantsJson(argv), stdout, stderr });
    return current.stop?.exitCode ?? exitCodeOf(error);
  }
}

async function start(
  argv: readonly string[],
  { stdout, stderr }: Invocation,
  commands: readonly CommandEntry[],
): Promise<number> {
  const [first, ...rest] = argv;
  if (first === undefined) {
    stderr.write(topHelp(commands));
    return EXIT.usage;
  }
  if (first === '--help' || first === '-h' || first === 'help') stdout.write(topHelp(commands));
  else if (first === '--version') stdout.write(`${packageVersion()}\n`);
  else await (await import('./dispatch.ts')).dispatch(findCommand(first, commands), rest, stdout);
  return EXIT.done;
}

function findCommand(name: string, commands: readonly CommandEntry[]): CommandEntry {
  const found = commands.find((entry) => entry.name === name);
  if (found !== undefined) return found;
  const names = commands.map((entry) => entry.name);
  const near = nearest(name, names);
  const remedy = near === undefined ? 'lrdist --help lists the commands.' : `Did you mean ${near}?`;
  if (name.startsWith('-'))
    throw new LrdistError('ERR_UNKNOWN_OPTION', `the first argument is a command, not an option: ${name}`, {
      remedy: `The commands are ${names.join(', ')}.`,
    });
  throw new LrdistError('ERR_INVALID_OPTION', `there is no command "${name}"`, { remedy });
}

/** Errors come before options are parsed, so --json is looked for by itself. */
function wantsJson(argv: readonly string[]): boolean {
  return argv.some(
    (token, i) => (token === '--json' && !/^false$/i.test(argv[i + 1] ?? '')) || /^--json=true$/i.test(token),
  );
}
