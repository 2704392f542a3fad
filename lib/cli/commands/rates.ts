import type { Argv, CommandModule } from 'yargs';
import { LrdistError } from '../../errors.ts';
import { formatRate, type RateDistribution } from '../../rates/distribution.ts';
import { toDocument } from '../../rates/file.ts';
import { loadRates } from '../../rates/parse.ts';
import { presets } from '../../rates/presets.ts';
import { alignColumns, renderTable, shortRate } from '../../rates/table.ts';
import { command } from '../run.ts';
import type { Output } from '../output.ts';

interface Arguments {
  readonly action: string;
  readonly spec?: string | undefined;
  readonly layers?: number | undefined;
}

const builder = (y: Argv): Argv<Arguments> =>
  y
    .positional('action', {
      type: 'string',
      choices: ['list', 'show'],
      demandOption: true,
      describe: 'list the built-in names, or show distributions',
    })
    .positional('spec', {
      type: 'string',
      describe: 'for show: a number, a *.rates.json file, NAME or NAME@BASE; several with commas',
    })
    .options({
      layers: { type: 'number', requiresArg: true, defaultDescription: '12', describe: 'encoder layers of the model' },
    })
    .example('lrdist rates show fast-head@1e-4', 'the table of a distribution')
    .example('lrdist rates show paper-combined --layers 6 --json', 'the same as a rates file for a model of 6 layers');

async function run({ action, spec, layers = 12 }: Arguments, output: Output): Promise<void> {
  if (action === 'list') {
    if (spec !== undefined)
      throw new LrdistError('ERR_INVALID_OPTION', `rates list takes no argument, received "${spec}"`, {
        remedy: `Did you mean lrdist rates show ${spec}?`,
      });
    output.result(presets, listText);
    return;
  }
  if (spec === undefined)
    throw new LrdistError('ERR_INVALID_OPTION', 'rates show needs a distribution', {
      remedy: 'For example lrdist rates show fast-head@1e-4; lrdist rates list has the names.',
    });
  const distributions = await loadRates(spec, { layers });
  const documents = distributions.map(toDocument);
  output.result(documents.length === 1 ? documents[0] : documents, () => distributions.map(showText).join('\n'));
}

function listText(): string {
  const rows = presets.map((preset) => [preset.name, shortRate(preset.base), preset.description, preset.baseMeaning]);
  return alignColumns([['name', 'base', 'shape', 'base means'], ...rows], [false, true, false, false]);
}

function showText(distribution: RateDistribution): string {
  const { source, base_means } = distribution.provenance;
  const notes = [
    ...(typeof base_means === 'string' && distribution.base !== undefined
      ? [`base ${formatRate(Number(distribution.base.toPrecision(4)))}: ${base_means}`]
      : []),
    ...(typeof source === 'string' ? [`from ${source}`] : []),
  ];
  return `${renderTable(distribution)}${notes.map((note) => `\n${note}`).join('')}\n`;
}

export default {
  command: 'rates <action> [spec]',
  describe: 'list and show rate distributions',
  builder,
  handler: command<Arguments>((args, { output }) => run(args, output)),
} satisfies CommandModule<object, Arguments>;
