/** What `lrdist rates` does, one function for each action. */
import { writeFile } from 'node:fs/promises';
import { LrdistError } from '../../errors.ts';
import { difference } from '../../rates/compare.ts';
import type { RateDistribution } from '../../rates/distribution.ts';
import { toPython } from '../../rates/export/python.ts';
import { toTypeScript } from '../../rates/export/typescript.ts';
import { toDocument, writeRatesFile } from '../../rates/file.ts';
import { readGroups } from '../../rates/groupings.ts';
import { loadRates, parseRates } from '../../rates/parse.ts';
import { presetFamilies, presets } from '../../rates/presets.ts';
import { convert } from '../../rates/regroup.ts';
import { renderSvg } from '../../rates/svg.ts';
import { alignColumns, renderComparison, renderTable, shortRate } from '../../rates/table.ts';
import type { Output } from '../output.ts';
import { errorText, listText, notesOf } from './text.ts';

export interface RatesArguments {
  readonly action: string;
  readonly spec?: string | undefined;
  readonly other?: string | undefined;
  readonly layers?: number | undefined;
  readonly grouping?: string | undefined;
  readonly from_layers?: number | undefined;
  readonly svg?: string | undefined;
  readonly format?: string | undefined;
  readonly stage?: number | undefined;
  readonly output?: string | undefined;
}

type Action = (args: RatesArguments, output: Output) => Promise<void>;

/** Options that an action knows; another one given with it is a mistake. */
export const actions: Readonly<
  Record<string, { readonly options: readonly (keyof RatesArguments)[]; readonly run: Action }>
> = {
  list: { options: [], run: list },
  show: { options: ['spec', 'layers', 'svg'], run: show },
  convert: { options: ['spec', 'layers', 'grouping', 'from_layers', 'output'], run: convertTo },
  diff: { options: ['spec', 'other', 'layers', 'stage'], run: diff },
  export: { options: ['spec', 'layers', 'format', 'stage', 'output'], run: exportTo },
};

async function list(_: RatesArguments, output: Output): Promise<void> {
  output.result([...presets, ...presetFamilies], listText);
}

async function show({ spec, layers = 12, svg }: RatesArguments, output: Output): Promise<void> {
  const distributions = await loadRates(given(spec, 'show'), { layers });
  if (svg !== undefined) {
    await writeText(svg, renderSvg(distributions));
    output.note(`wrote ${svg}`);
  }
  const documents = distributions.map(toDocument);
  output.result(documents.length === 1 ? documents[0] : documents, () => {
    const [first] = distributions;
    if (distributions.length === 1)
      return `${renderTable(first!)}${notesOf(first!)
        .map((note) => `\n${note}`)
        .join('')}\n`;
    // Beside one another there is room for one column each.
    const simple = distributions.every(({ stages, phases }) => stages.length === 1 && phases === undefined);
    return simple ? renderComparison(distributions) : distributions.map((each) => renderTable(each)).join('\n');
  });
}

async function convertTo(
  { spec, layers, grouping, from_layers = 12, output: path }: RatesArguments,
  output: Output,
): Promise<void> {
  if (layers === undefined && grouping === undefined)
    throw new LrdistError('ERR_INVALID_OPTION', 'rates convert needs --layers, --grouping or both', {
      remedy: 'For example lrdist rates convert paper-combined --layers 6 --output small.rates.json.',
    });
  const before = await one(given(spec, 'convert'), from_layers);
  const target = layers ?? before.layers;
  const groups = grouping === undefined ? undefined : await readGroups(grouping, target);
  const converted = convert(before, { layers: target, ...(groups === undefined ? {} : { groups }) });
  const { error } = converted;
  const distribution = {
    ...converted.distribution,
    provenance: { ...converted.distribution.provenance, log_error: error },
  };
  if (path !== undefined) await writeRatesFile(path, distribution);
  const text = (): string =>
    `${renderTable(distribution)}\nfrom ${before.layers} layers in ${before.groups.length} groups: ${errorText(error)}${path === undefined ? '' : `\nwrote ${path}`}\n`;
  output.result(toDocument(distribution), text);
}

async function diff({ spec, other, layers = 12, stage = 1 }: RatesArguments, output: Output): Promise<void> {
  const specs = [spec, other].filter((each) => each !== undefined).join(',');
  const both = specs === '' ? [] : await loadRates(specs, { layers });
  if (both.length !== 2) {
    throw new LrdistError('ERR_INVALID_OPTION', `rates diff compares two distributions, received ${both.length}`, {
      remedy: 'For example lrdist rates diff paper-combined paper-rounded.',
    });
  }
  const [first, second] = both as [RateDistribution, RateDistribution];
  const result = difference(first, second, stageIndex(both, stage));
  const rows = result.groups.map(({ name, tensors, rates, ratio }) => [
    name,
    String(tensors),
    ...rates.map((rate) => (rate === 0 ? 'frozen' : shortRate(rate))),
    ratio === undefined ? '' : `x${Number(ratio.toPrecision(4))}`,
  ]);
  output.result({ first: first.name, second: second.name, layers, ...result }, () =>
    [
      alignColumns([['group', 'tensors', first.name, second.name, 'ratio'], ...rows], [false, true, true, true, true]),
      '',
      `distance: ${errorText(result.error)}`,
      `level: ${second.name} is at ${Number(result.level.toPrecision(4))} times ${first.name}`,
      `shape, at the same level: ${errorText(result.shape)}`,
    ].join('\n'),
  );
}

const formats: Readonly<Record<string, (distribution: RateDistribution, stage: number) => string>> = {
  json: (distribution) => `${JSON.stringify(toDocument(distribution), null, 2)}\n`,
  typescript: (distribution) => toTypeScript(distribution),
  pytorch: (distribution, stage) => toPython(distribution, { stage }),
  huggingface: (distribution, stage) => toPython(distribution, { stage, trainer: true }),
};

export const formatNames: readonly string[] = Object.keys(formats);

async function exportTo(
  { spec, layers = 12, format = 'json', stage = 1, output: path }: RatesArguments,
  output: Output,
): Promise<void> {
  const distribution = await one(given(spec, 'export'), layers);
  const text = formats[format]!(distribution, stageIndex([distribution], stage));
  if (path === undefined) {
    output.result({ format, text }, text);
    return;
  }
  await writeText(path, text);
  output.result({ format, output: path }, `wrote ${path}`);
}

function given(spec: string | undefined, action: string): string {
  if (spec !== undefined) return spec;
  throw new LrdistError('ERR_INVALID_OPTION', `rates ${action} needs a distribution`, {
    remedy: `For example lrdist rates ${action} fast-head@1e-4; lrdist rates list has the names.`,
  });
}

async function one(spec: string, layers: number): Promise<RateDistribution> {
  if (parseRates(spec).length !== 1)
    throw new LrdistError('ERR_INVALID_OPTION', `expected one distribution, received "${spec}"`, {
      remedy: 'Only show and diff take several.',
    });
  const [distribution] = await loadRates(spec, { layers });
  return distribution!;
}

/** From the option, which counts from 1 as the reports do. */
function stageIndex(distributions: readonly RateDistribution[], stage: number): number {
  const most = Math.max(...distributions.map(({ stages }) => stages.length));
  if (!Number.isInteger(stage) || stage < 1 || stage > most)
    throw new LrdistError(
      'ERR_INVALID_OPTION',
      `--stage: expected ${most === 1 ? '1, there are no more stages' : `1 to ${most}`}, received ${stage}`,
    );
  return stage - 1;
}

async function writeText(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text);
  } catch (cause) {
    throw new LrdistError('ERR_WRITE', `cannot write ${path}: ${(cause as Error).message}`, { cause });
  }
}
