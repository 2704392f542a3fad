import type { Options } from 'yargs';
import { storageOption } from '../search/options.ts';

export const exportFormats = ['csv', 'tsv', 'jsonl', 'optuna-journal'] as const;

export interface StudyArguments {
  readonly action: string;
  readonly file?: string | undefined;
  readonly storage?: string | undefined;
  readonly study?: string | undefined;
  readonly name?: string | undefined;
  readonly format?: (typeof exportFormats)[number] | undefined;
  readonly output?: string | undefined;
  readonly overwrite_output?: boolean | undefined;
  readonly top?: number | undefined;
  readonly yes?: boolean | undefined;
}

const define = <const T extends Record<string, Options>>(options: T): T => options;

export const studyOptions = define({
  ...storageOption,
  study: {
    type: 'string',
    requiresArg: true,
    defaultDescription: 'the only one there is',
    describe: 'name of the study',
  },
  top: {
    type: 'number',
    requiresArg: true,
    defaultDescription: 'all, by number',
    describe: 'show: only so many trials, the best first',
  },
  format: {
    type: 'string',
    requiresArg: true,
    choices: exportFormats,
    defaultDescription: "by the output's ending, else csv",
    describe: 'export: table of trials, or a journal that Optuna opens',
  },
  output: { type: 'string', requiresArg: true, describe: 'export, best: write this file (best: *.rates.json)' },
  overwrite_output: { type: 'boolean', describe: 'replace a file that is there' },
  name: {
    type: 'string',
    requiresArg: true,
    defaultDescription: 'that in the file',
    describe: 'import: name of the new study',
  },
  yes: { type: 'boolean', describe: 'delete: do it' },
});
