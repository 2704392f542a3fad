import { invalid, textOf } from './reading.ts';
import type { SearchArguments } from './options.ts';

export interface NamedPair {
  /** Of the study. */
  readonly study: string;
  readonly tasks: readonly [string, string];
}

/** The pairs of `--tasks` or `--pairs`, each with the name of its study. @throws ERR_INVALID_OPTION */
export function pairsOf(args: SearchArguments): readonly NamedPair[] {
  const [tasks, pairs, name] = [textOf(args, 'tasks'), textOf(args, 'pairs'), textOf(args, 'study')];
  if ((tasks === undefined) === (pairs === undefined))
    throw invalid(
      tasks === undefined ? '--tasks is missing' : '--tasks and --pairs are both given',
      'Give --tasks qnli,sst2 for one pair, or --pairs "qnli,sst2;stsb,sst2" for several.',
    );
  if (name?.trim() === '') throw invalid('--study: expected a name, received nothing');
  if (tasks !== undefined) return [named('tasks', tasks, (pair) => name ?? pair)];
  const list = pairs!.split(';').filter((part) => part.trim() !== '');
  const found = list.map((part) => named('pairs', part, (pair) => (name === undefined ? pair : `${name}/${pair}`)));
  const twice = found.find(({ study }, i) => found.findIndex((each) => each.study === study) !== i);
  if (twice !== undefined) throw invalid(`--pairs: ${twice.tasks.join(',')} is given twice`);
  if (found.length === 0) throw invalid('--pairs: expected pairs of tasks, received nothing');
  return found;
}

function named(option: string, text: string, nameOf: (pair: string) => string): NamedPair {
  const names = text.split(',').map((name) => name.trim().toLowerCase());
  const [first, second] = names;
  if (names.length !== 2 || first === '' || second === '')
    throw invalid(
      `--${option}: expected two tasks, received "${text}"`,
      'Name the task to keep and the task to learn after it, as qnli,sst2',
    );
  return { study: nameOf(`${first}-${second}`), tasks: [first!, second!] };
}
