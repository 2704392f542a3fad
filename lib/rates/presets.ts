import { forLayers } from './convert.ts';
import { depthGroups } from './depth.ts';
import { formatRate, type RateDistribution } from './distribution.ts';
import { decayPresets, llrdFamily } from './presets/decay.ts';
import { headPresets, lpFtFamily } from './presets/head.ts';
import { paperPresets } from './presets/paper.ts';
import { freezeFamily, partialPresets, surgicalFamily } from './presets/partial.ts';
import type { Preset, PresetFamily } from './presets/preset.ts';

export type { Preset, PresetFamily, Shape } from './presets/preset.ts';

/** Names with a number of one's choice, such as `llrd-0.95` and `freeze-6`. */
export const presetFamilies: readonly PresetFamily[] = [llrdFamily, freezeFamily, surgicalFamily, lpFtFamily];

const [llrd95, llrd90] = ['llrd-0.95', 'llrd-0.9'].map((name) => llrdFamily.find(name)!);

/** The built-in names of --rates, families aside. */
export const presets: readonly Preset[] = [
  ...headPresets,
  ...paperPresets,
  llrd95!,
  llrd90!,
  ...decayPresets,
  ...partialPresets,
];

export const presetNames: readonly string[] = presets.map((preset) => preset.name);

/** @throws LrdistError ERR_INVALID_OPTION for a name of a family with a number that makes no sense */
export function findPreset(name: string): Preset | undefined {
  return (
    presets.find((preset) => preset.name === name) ??
    presetFamilies.map(({ find }) => find(name)).find((preset) => preset !== undefined)
  );
}

/**
 * The preset for a model of `layers` encoder layers, at `base` or at its standard level. A shape that was found for one depth is mapped (see
 * forLayers); the others are rules and are computed for the depth at hand.
 */
export function fromPreset(preset: Preset, layers: number, base = preset.base): RateDistribution {
  const cut = preset.cutFor ?? layers;
  const { multipliers, phases } = preset.shape(cut);
  const groups = depthGroups(cut, multipliers.length);
  const published = base === preset.base ? preset.publishedRates : undefined;
  const rates = published ?? multipliers.map((multiplier) => multiplier * base);
  const distribution = {
    name: published === undefined ? `${preset.name}@${formatRate(base)}` : preset.name,
    layers: cut,
    groups,
    stages: [Object.fromEntries(groups.map((group, i) => [group.name, rates[i]!]))],
    base,
    ...(phases === undefined ? {} : { phases }),
    provenance: {
      preset: preset.name,
      base,
      base_means: preset.baseMeaning,
      formula: preset.formula,
      ...(preset.publishedRates === undefined
        ? {}
        : { published_base: preset.base, published_rates: preset.publishedRates }),
      ...preset.provenance,
    },
  };
  return forLayers(distribution, layers);
}
