import type { Options } from 'yargs';
import { placeOptions, searchOptions, storageOption, workerOptions } from './options.ts';

const define = <const T extends Record<string, Options>>(options: T): T => options;

export const joinOptions = define({
  ...storageOption,
  study: {
    type: 'string',
    requiresArg: true,
    defaultDescription: 'the only one there is',
    describe: 'name of the study',
  },
  trials: {
    ...searchOptions.trials,
    defaultDescription: undefined,
    describe: 'trials of the study in the end; needed unless --timeout is given',
  },
  ...workerOptions,
  ...placeOptions,
});
