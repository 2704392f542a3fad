import type { Argv, CommandModule } from 'yargs';
import type { Output } from '../output.ts';
import { command } from '../run.ts';
import { invalid } from '../search/reading.ts';
import { actions } from '../study/actions.ts';
import { type StudyArguments, studyOptions } from '../study/options.ts';

const builder = (y: Argv): Argv<StudyArguments> =>
  y
    .positional('action', {
      type: 'string',
      choices: Object.keys(actions),
      demandOption: true,
      describe: 'list or show studies, export or import one, delete one, print its best trial, or what matters in it',
    })
    .positional('file', { type: 'string', describe: 'for import: a journal of Optuna' })
    .options(studyOptions)
    .example('lrdist study show --storage lrdist-search.db --study qnli-sst2', 'the table of its trials')
    .example('lrdist study best --storage lrdist-search.db --output best.rates.json', 'the best trial as a rates file')
    .example(
      'lrdist study export --storage lrdist-search.db --output study.log',
      'for optuna-dashboard',
    ) as unknown as Argv<StudyArguments>;

async function run(args: StudyArguments, output: Output): Promise<void> {
  const { options, run: act } = actions[args.action]!;
  const all = ['file', ...Object.keys(studyOptions)] as (keyof StudyArguments)[];
  const wrong = all.find((name) => name !== 'storage' && args[name] !== undefined && !options.includes(name));
  if (wrong !== undefined)
    throw invalid(`study ${args.action} takes no ${wrong === 'file' ? `argument "${args.file}"` : `--${wrong}`}`);
  await act(args, output);
}

export default {
  command: 'study <action> [file]',
  describe: 'list, show, export, import and delete studies, and say what they found',
  builder,
  handler: command<StudyArguments>((args, { output }) => run(args, output)),
} satisfies CommandModule<object, StudyArguments>;
