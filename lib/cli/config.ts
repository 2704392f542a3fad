import { readFile } from 'node:fs/promises';
import { LrdistError } from '../errors.ts';
import { checkValue, findOption, unknownOption, type Given, type OptionTable } from './argv.ts';

/** Whether a lone argument is a file of options, as Hugging Face's HfArgumentParser takes one. */
export function isConfigFile(argument: string): boolean {
  return /\.(json|ya?ml)$/i.test(argument);
}

/**
 * Adds the options of a JSON or YAML file to those of the command line, which win. Lists become comma-separated, objects JSON; null
 * means not given. Unknown keys are refused with the nearest name.
 *
 * @throws LrdistError ERR_CONFIG_FILE, ERR_UNKNOWN_OPTION, ERR_INVALID_OPTION
 */
export async function withConfig(given: Given, path: string, table: OptionTable): Promise<Given> {
  const values = new Map<string, string[]>();
  for (const [key, value] of Object.entries(await readConfig(path))) {
    const name = findOption(key, table);
    if (name === undefined || name === 'config') throw unknownOption(key, ` in ${path}`, table);
    if (value === null) continue;
    if (values.has(name))
      throw new LrdistError('ERR_CONFIG_FILE', `${path}: ${key} and another key set the same option ${name}`);
    const list = table.kindOf.get(name) === 'array' && Array.isArray(value) ? value : [value];
    values.set(
      name,
      list.map((item) => checkValue(name, textOf(item), `${key} in ${path}`, table)),
    );
  }
  for (const [name, list] of given.values) values.set(name, list);
  return { values, positionals: given.positionals };
}

async function readConfig(path: string): Promise<Record<string, unknown>> {
  let document: unknown;
  try {
    const text = await readFile(path, 'utf8');
    document = /\.json$/i.test(path) ? JSON.parse(text) : (await import('yaml')).parse(text);
  } catch (cause) {
    throw new LrdistError('ERR_CONFIG_FILE', `cannot read the options in ${path}: ${(cause as Error).message}`, {
      cause,
    });
  }
  if (typeof document !== 'object' || document === null || Array.isArray(document)) {
    throw new LrdistError('ERR_CONFIG_FILE', `${path}: expected an object of options, such as {"learning_rate": 5e-5}`);
  }
  return document as Record<string, unknown>;
}

function textOf(value: unknown): string {
  if (Array.isArray(value)) return value.map(textOf).join(',');
  return typeof value === 'string' ? value : JSON.stringify(value);
}
