// Tables of docs/rates.md out of the source; scripts/docs.ts puts them in place.
import type { Preset, PresetFamily } from '../lib/rates/presets.ts';
import { presetFamilies, presets } from '../lib/rates/presets.ts';
import { groupings } from '../lib/rates/groupings.ts';
import { parametrisations } from '../lib/rates/parametrisations/index.ts';
import { shortRate } from '../lib/rates/table.ts';

type Table = (heading: readonly string[], rows: readonly (readonly string[])[]) => string;

export function rateTables(table: Table): Record<string, string> {
  const all = [...presets, ...presetFamilies];
  return {
    shapes: table(
      ['name', 'multipliers (L layers, k from 0)', 'base means', 'base without `@`'],
      all.map((each) => [`\`${nameOf(each)}\``, each.formula, each.baseMeaning, shortRate(each.base)]),
    ),
    sources: table(['name', 'source', 'published level', 'note'], all.map(sourceRow)),
    groupings: table(
      ['grouping', 'groups'],
      [
        ['`depth:N`', 'embeddings, N - 2 runs of layers, heads; 2: body and heads; 1: everything'],
        ...groupings.map(({ name, description }) => [`\`${name}\``, description]),
      ],
    ),
    parametrisations: table(
      ['form', 'what it can say'],
      Object.values(parametrisations).map(({ form, description }) => [`\`${form}\``, description]),
    ),
  };
}

function nameOf(each: Preset | PresetFamily): string {
  return 'form' in each ? each.form : each.name;
}

function sourceRow(each: Preset | PresetFamily): string[] {
  const { source, model, published_base, caution } = each.provenance;
  const rates = 'publishedRates' in each ? each.publishedRates : undefined;
  const level =
    rates !== undefined
      ? rates.map(shortRate).join(', ')
      : [published_base ?? []]
          .flat()
          .map((rate) => shortRate(rate as number))
          .join(', ');
  const where = typeof model === 'string' ? `${level} (${model})` : level;
  return [`\`${nameOf(each)}\``, textOf(source), level === '' ? textOf(model) : where, textOf(caution)];
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
