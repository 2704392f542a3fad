/** The command that goes on with a search. */
import { type SearchArguments, searchOptions } from './options.ts';

/** This call again, with `--resume`. `storage` as it may be shown: without a password. */
export function resumeCommand(args: SearchArguments, storage: string): string {
  const words = ['lrdist', 'search'];
  for (const name of Object.keys(searchOptions)) {
    if (name === 'resume' || name === 'storage') continue;
    const value = args[name];
    if (value === undefined) continue;
    if (typeof value === 'boolean') words.push(value ? `--${name}` : `--no_${name}`);
    else for (const each of [value].flat()) words.push(`--${name}`, quoted(String(each)));
  }
  words.push('--storage', quoted(storage), '--resume');
  return words.join(' ');
}

/** For a shell, where it is needed. */
export function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
