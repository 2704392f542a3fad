import type { Options } from 'yargs';
import { scoreForms } from '../../rates/combine/score.ts';
import { groupingForms } from '../../rates/groupings.ts';

export interface CombineArguments {
  readonly inputs: readonly string[];
  readonly output?: string | undefined;
  readonly overwrite_output?: boolean | undefined;
  readonly name?: string | undefined;
  readonly svg?: string | undefined;
  readonly baseline?: number | undefined;
  readonly score?: string | undefined;
  readonly weight_base?: number | undefined;
  readonly top?: number | undefined;
  readonly repeats?: 'separate' | 'mean' | undefined;
  readonly min_above_chance?: number | undefined;
  readonly chance?: string | undefined;
  readonly columns?: string | undefined;
  readonly grouping?: string | undefined;
  readonly layers?: number | undefined;
  readonly allow_mixed?: boolean | undefined;
}

const define = <const T extends Record<string, Options>>(options: T): T => options;

export const combineOptions = define({
  output: { type: 'string', requiresArg: true, describe: 'write the result into this *.rates.json file' },
  overwrite_output: { type: 'boolean', describe: 'replace files that are there' },
  name: {
    type: 'string',
    requiresArg: true,
    defaultDescription: "the output file's, else combined",
    describe: 'name of the result',
  },
  svg: {
    type: 'string',
    requiresArg: true,
    describe: 'draw the result, its band, the pairs and a flat rate into this file',
  },
  baseline: {
    type: 'number',
    requiresArg: true,
    defaultDescription: '2e-5',
    describe: 'flat rate to draw beside them; 0 = none',
  },
  score: {
    type: 'string',
    requiresArg: true,
    defaultDescription: 'objective',
    describe: `what trials of a pair are ranked by: ${scoreForms.join(', ')}; objective is the column score, else p_s + p_o`,
  },
  weight_base: {
    type: 'number',
    requiresArg: true,
    defaultDescription: '1.8',
    describe: 'a trial of rank a weighs this to the power of -a; 1 = all the same',
  },
  top: { type: 'number', requiresArg: true, defaultDescription: 'all', describe: 'ranks of each pair that count' },
  repeats: {
    type: 'string',
    requiresArg: true,
    choices: ['separate', 'mean'],
    defaultDescription: 'separate',
    describe: 'trials of a pair with the same rates: each with its own rank, or one with their mean score',
  },
  min_above_chance: {
    type: 'number',
    requiresArg: true,
    defaultDescription: 'none is left out',
    describe: 'leave out trials with a score no more than this above chance',
  },
  chance: {
    type: 'string',
    requiresArg: true,
    describe: 'for it: what guessing gets on each task, as sst2=0.509,mrpc=0.684',
  },
  columns: {
    type: 'string',
    requiresArg: true,
    describe: "other people's names of our columns, as before=acc1,p_s=acc2,p_o=acc3,lr_*=rate_*",
  },
  grouping: {
    type: 'string',
    requiresArg: true,
    defaultDescription: 'by the names of the columns; of ordered ones depth:N',
    describe: `what the rates are of, where a table does not say: ${groupingForms.join(', ')} (+pooler), or a JSON file with groups`,
  },
  layers: {
    type: 'number',
    requiresArg: true,
    defaultDescription: 'by the names of the columns, else 12',
    describe: 'encoder layers of the model, where a table does not say',
  },
  allow_mixed: { type: 'boolean', describe: 'combine although models, protocols, groupings, splits or epochs differ' },
});
