import type { Argv, CommandModule } from 'yargs';
import { LrdistError } from '../../errors.ts';
import { groupingForms } from '../../rates/groupings.ts';
import type { Output } from '../output.ts';
import { actions, formatNames, type RatesArguments } from '../rates/actions.ts';
import { command } from '../run.ts';

const builder = (y: Argv): Argv<RatesArguments> =>
  y
    .positional('action', {
      type: 'string',
      choices: Object.keys(actions),
      demandOption: true,
      describe: 'list the built-in names; show, convert, compare or export distributions',
    })
    .positional('spec', {
      type: 'string',
      describe: 'a number, a *.rates.json file, NAME or NAME@BASE; for show several with commas',
    })
    .positional('other', { type: 'string', describe: 'for diff: the second distribution' })
    .options({
      layers: { type: 'number', requiresArg: true, defaultDescription: '12', describe: 'encoder layers of the model' },
      svg: { type: 'string', requiresArg: true, describe: 'for show: also draw into this SVG file' },
      grouping: {
        type: 'string',
        requiresArg: true,
        describe: `for convert: new groups, ${groupingForms.join(', ')} (+pooler), or a JSON file with groups`,
      },
      from_layers: {
        type: 'number',
        requiresArg: true,
        defaultDescription: '12',
        describe: 'for convert: encoder layers to start from, for built-in names',
      },
      format: {
        type: 'string',
        requiresArg: true,
        choices: formatNames,
        defaultDescription: 'json',
        describe: 'for export',
      },
      stage: {
        type: 'number',
        requiresArg: true,
        defaultDescription: '1',
        describe: 'for diff and export to Python: which stage',
      },
      output: { type: 'string', requiresArg: true, describe: 'for convert and export: write here' },
    })
    .example('lrdist rates show paper-combined --layers 6', 'the table of a distribution')
    .example('lrdist rates show flat@2e-5,llrd-0.9@1e-4 --svg rates.svg', 'two beside one another, drawn too')
    .example('lrdist rates convert paper-combined --layers 6 --output small.rates.json', 'for a model of 6 layers')
    .example('lrdist rates diff paper-combined paper-rounded', 'ratio of each group, and the distance')
    .example('lrdist rates export llrd-0.95@5e-5 --format pytorch --output rates.py', 'parameter groups for torch');

async function run(args: RatesArguments, output: Output): Promise<void> {
  const { options, run: act } = actions[args.action]!;
  const known: readonly (keyof RatesArguments)[] = [
    'spec',
    'other',
    'layers',
    'svg',
    'grouping',
    'from_layers',
    'format',
    'stage',
    'output',
  ];
  const wrong = known.find((name) => args[name] !== undefined && !options.includes(name));
  if (wrong !== undefined) {
    const positional = wrong === 'spec' || wrong === 'other';
    throw new LrdistError(
      'ERR_INVALID_OPTION',
      `rates ${args.action} takes no ${positional ? `argument "${args[wrong]}"` : `--${wrong}`}`,
      args.action === 'list' && positional ? { remedy: `Did you mean lrdist rates show ${args[wrong]}?` } : {},
    );
  }
  await act(args, output);
}

export default {
  command: 'rates <action> [spec] [other]',
  describe: 'list, show, convert, compare and export rate distributions',
  builder,
  handler: command<RatesArguments>((args, { output }) => run(args, output)),
} satisfies CommandModule<object, RatesArguments>;
