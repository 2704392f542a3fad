import { readFileSync } from 'node:fs';
import { environment } from '../env.ts';
import type { CommandEntry } from './registry.ts';

/** Version of the package, from its package.json. */
export function packageVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** The text of `lrdist --help`. */
export function topHelp(commands: readonly CommandEntry[]): string {
  return [
    'lrdist <command> [options]',
    '',
    'Fine-tunes BERT-family models with a learning rate for each part of the network, and measures what they forget.',
    '',
    'Commands:',
    ...columns(commands.map(({ name, describe }) => [name, describe])),
    '',
    'lrdist <command> --help shows the options of a command. They have the names of Hugging Face, with - or _;',
    '--config FILE, or a single .json or .yaml file instead of options, sets the same ones. lrdist --version prints the version.',
    '',
    'Environment variables:',
    ...columns(Object.entries(environment)),
    '',
    'Exit codes: 0 done, 1 failed, 2 wrong usage, 130 and 143 stopped by Ctrl-C and SIGTERM.',
    '',
  ].join('\n');
}

function columns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, text]) => `  ${name.padEnd(width)}  ${text}`);
}
