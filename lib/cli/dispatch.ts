import yargs, { type ArgumentsCamelCase, type Argv, type CommandModule } from 'yargs';
import { LrdistError } from '../errors.ts';
import { optionTable, readTokens, toArgv, type Given, type OptionTable, type YargsOptions } from './argv.ts';
import { isConfigFile, withConfig } from './config.ts';
import { commonOptions } from './options.ts';
import type { Stream } from './output.ts';
import type { CommandEntry } from './registry.ts';

/** Reads a command's options and runs it; `--help` prints its help instead. */
export async function dispatch(entry: CommandEntry, argv: readonly string[], stdout: Stream): Promise<void> {
  const module = await entry.load();
  // "rates <action> [spec]" -> " <action> [spec]"
  const positionals = [module.command ?? entry.name].flat()[0]!.replace(/^\S+/, '');
  if (argv.some((token) => token === '--help' || token === '-h')) {
    stdout.write(`${await createParser(entry, module, positionals, () => undefined).getHelp()}\n`);
    return;
  }
  const given = await readOptions(argv, await optionsOf(module), positionals !== '');
  if (positionals === '' && given.positionals.length > 0)
    throw usage(entry, `unexpected argument "${given.positionals[0]}"`);

  let parsed: ArgumentsCamelCase | undefined;
  try {
    await createParser(entry, module, positionals, (args) => {
      parsed = args;
    }).parseAsync(toArgv(given));
  } catch (error) {
    throw error instanceof LrdistError ? error : usage(entry, (error as Error).message);
  }
  // Run outside yargs, so that its complaints and the command's own errors cannot be mistaken for one another.
  await module.handler(parsed!);
}

function usage(entry: CommandEntry, message: string): LrdistError {
  return new LrdistError('ERR_INVALID_OPTION', message, { remedy: `lrdist ${entry.name} --help shows the options.` });
}

async function readOptions(argv: readonly string[], table: OptionTable, takesPositionals: boolean): Promise<Given> {
  const given = readTokens(argv, table);
  const named = given.values.get('config')?.[0];
  const lone =
    !takesPositionals && given.positionals.length === 1 && isConfigFile(given.positionals[0]!)
      ? given.positionals.pop()
      : undefined;
  if (named !== undefined && lone !== undefined)
    throw new LrdistError('ERR_INVALID_OPTION', `both --config ${named} and ${lone} are files of options: give one`);
  const path = named ?? lone;
  return path === undefined ? given : withConfig(given, path, table);
}

async function optionsOf(module: CommandModule): Promise<OptionTable> {
  const instance = yargs([]).help(false).version(false);
  await build(instance, module);
  // Not in the published types; what yargs's own completion code uses.
  return optionTable((instance as unknown as { getOptions(): YargsOptions }).getOptions());
}

/** The command's own options, then the common ones. */
async function build(instance: Argv, module: CommandModule): Promise<Argv> {
  if (typeof module.builder === 'function') await module.builder(instance);
  else if (module.builder !== undefined) instance.options(module.builder);
  return instance.options(commonOptions);
}

function createParser(
  entry: CommandEntry,
  module: CommandModule,
  positionals: string,
  handler: (args: ArgumentsCamelCase) => void,
): Argv {
  return yargs([])
    .scriptName(`lrdist ${entry.name}`)
    .locale('en')
    .wrap(Math.min(process.stdout.columns ?? 100, 120))
    .help(false)
    .version(false)
    .exitProcess(false)
    .fail(false)
    .parserConfiguration({
      'camel-case-expansion': false,
      'dot-notation': false,
      'parse-numbers': false,
      'parse-positional-numbers': false,
    })
    .command({ command: `$0${positionals}`, describe: entry.describe, builder: (y) => build(y, module), handler })
    .strict();
}
