import { basename } from 'node:path';
import type { Argv, CommandModule } from 'yargs';
import { LrdistError } from '../../errors.ts';
import { parseChance, type ChanceFilter } from '../../rates/combine/chance.ts';
import { renderCombinedSvg } from '../../rates/combine/svg.ts';
import { renderCombined } from '../../rates/combine/table.ts';
import { combineTables } from '../../rates/combine/tables.ts';
import { MAX_RATE } from '../../rates/distribution.ts';
import { toDocument, writeRatesFile } from '../../rates/file.ts';
import { writeText } from '../../rates/write-text.ts';
import { exists } from '../../train/files.ts';
import { readTrialTables } from '../combine/inputs.ts';
import { combineOptions, type CombineArguments } from '../combine/options.ts';
import { packageVersion } from '../help.ts';
import type { Output } from '../output.ts';
import { command } from '../run.ts';

/** The paper's figures compare with this rate. */
const USUAL_BASELINE = 2e-5;

const builder = (y: Argv): Argv<CombineArguments> =>
  y
    .positional('inputs', {
      type: 'string',
      array: true,
      demandOption: true,
      describe:
        'trial tables (.csv, .tsv, .jsonl), each alone or as PAIR=FILE; studies as NAME@STORAGE, or a storage with all its studies',
    })
    .options(combineOptions)
    .example('lrdist combine a.csv b.jsonl --output c.rates.json', 'one distribution from the trials of two searches')
    .example('lrdist combine a.csv --top 10 --score p_o --svg c.svg', 'the ten best by what is kept, drawn')
    .example(
      'lrdist combine "sst2->mrpc=log.csv" --columns before=acc1,p_s=acc2,p_o=acc3',
      'a log of one pair with other names for the columns',
    );

async function run(args: CombineArguments, output: Output): Promise<void> {
  const { output: path, svg, baseline = USUAL_BASELINE } = args;
  for (const file of [path, svg]) if (file !== undefined) await requireNew(file, args);
  if (!(baseline >= 0 && baseline <= MAX_RATE))
    throw invalid(`--baseline: expected a rate from 0 to ${MAX_RATE}, received ${baseline}`);
  const filter = filterOf(args);
  const combined = await combineTables(await readTrialTables(args.inputs, args), {
    name: args.name ?? nameOf(path),
    score: args.score,
    repeats: args.repeats,
    filter,
    grouping: args.grouping,
    layers: args.layers,
    allowMixed: args.allow_mixed,
    versions: { lrdist: packageVersion(), node: process.version },
    ...(args.weight_base === undefined ? {} : { weightBase: args.weight_base }),
    ...(args.top === undefined ? {} : { top: args.top }),
  });
  if (path !== undefined) await writeRatesFile(path, combined.distribution);
  if (svg !== undefined) await writeText(svg, renderCombinedSvg(combined, { baseline }), 'drawing');
  for (const note of combined.notes) output.note(`note: ${note}`);
  output.result(toDocument(combined.distribution), () => renderCombined(combined));
  for (const file of [path, svg]) if (file !== undefined) output.note(`wrote ${file}`);
}

function filterOf({ min_above_chance: margin, chance }: CombineArguments): ChanceFilter | undefined {
  if (margin === undefined) {
    if (chance !== undefined)
      throw invalid('--chance is for --min_above_chance', 'Add --min_above_chance, such as 0.03.');
    return undefined;
  }
  if (!(margin >= 0 && margin < 1))
    throw invalid(`--min_above_chance: expected a number from 0 to 1, received ${margin}`);
  return { margin, chance: chance === undefined ? {} : parseChance(chance) };
}

async function requireNew(file: string, { overwrite_output }: CombineArguments): Promise<void> {
  if (overwrite_output !== true && (await exists(file)))
    throw invalid(`${file} is there already`, 'Choose another name, or add --overwrite_output.');
}

/** `out/c.rates.json` -> `c` */
function nameOf(path: string | undefined): string | undefined {
  return path === undefined ? undefined : basename(path).replace(/(?<=.)(\.rates)?\.json$/i, '');
}

function invalid(message: string, remedy?: string): LrdistError {
  return new LrdistError('ERR_INVALID_OPTION', message, remedy === undefined ? {} : { remedy });
}

export default {
  command: 'combine <inputs..>',
  describe: 'one distribution from the trials of many task pairs',
  builder,
  handler: command<CombineArguments>((args, { output }) => run(args, output)),
} satisfies CommandModule<object, CombineArguments>;
