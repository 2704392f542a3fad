import { forLayers } from './convert.ts';
import { depthGroups } from './depth.ts';
import { formatRate, type Provenance, type RateDistribution } from './distribution.ts';

/** A named shape: rates by group at a standard level, which `@base` moves up or down. */
export interface Preset {
  readonly name: string;
  readonly description: string;
  /** What `name@base` sets. */
  readonly baseMeaning: string;
  /** The base without `@`: the published one, or Hugging Face's default learning rate. */
  readonly base: number;
  /** Number of encoder layers that the groups by depth are cut for. */
  readonly layers: number;
  /** Rate of each group, from embeddings to heads, as a multiple of the base. */
  readonly multipliers: readonly number[];
  /** The published rates, for a preset whose plain name means exactly these. */
  readonly published?: readonly number[];
  readonly provenance: Provenance;
}

const paper = {
  source:
    'Kenneweg, Schulz, Schröder, Hammer: Intelligent Learning Rate Distribution to reduce Catastrophic Forgetting in Transformers, arXiv 2404.01317',
  code: 'github.com/TheMody/NAS-CatastrophicForgetting',
  model: 'bert-base-uncased',
  pairs: ['sst2->mrpc', 'mrpc->sst2', 'qqp->mrpc', 'mrpc->qqp'],
} as const;

/** Published combined rates; layers 0-1, 2, 3-4, 5, 6-7, 8, 9-10, 11 lie between embeddings and heads. */
const combined = [3.295e-6, 4.363e-6, 9.215e-7, 1.923e-6, 2.849e-6, 2.143e-6, 3.267e-6, 3.699e-6, 3.186e-6, 1.119e-5];
const combinedLayersPerGroup = [2, 1, 2, 1, 2, 1, 2, 1];
const rounded = [1, 1, 0.3, 0.7, 1, 1, 1, 1, 1, 3];

/** Geometric mean of the rates of the twelve encoder layers: the typical rate of the body. */
const combinedBase = Math.exp(
  combinedLayersPerGroup.reduce((sum, count, i) => sum + count * Math.log(combined[i + 1]!), 0) / 12,
);

/** The built-in names of --rates. */
export const presets: readonly Preset[] = [
  {
    name: 'flat',
    description: 'one rate for everything',
    baseMeaning: 'the rate',
    base: 5e-5,
    layers: 12,
    multipliers: [1],
    provenance: {},
  },
  {
    name: 'fast-head',
    description: 'heads (and pooler) at ten times the body',
    baseMeaning: 'the rate of the body: embeddings and encoder layers',
    base: 5e-5,
    layers: 12,
    multipliers: [1, 10],
    provenance: {},
  },
  {
    name: 'paper-combined',
    description: "the paper's combined rates of four task pairs, dip at layer 2, heads highest",
    baseMeaning: 'the geometric mean of the rates of the twelve encoder layers',
    base: combinedBase,
    layers: 12,
    multipliers: combined.map((rate) => rate / combinedBase),
    published: combined,
    provenance: {
      ...paper,
      method: 'rank-weighted geometric mean of each search (weights 1.8^-rank), then geometric mean over the pairs',
      caution:
        'searched with one seed per trial on pairs around MRPC; two of the four logs also hold rows of another protocol',
    },
  },
  {
    name: 'paper-rounded',
    description: "the authors' rounded form: layer 2 at 0.3, layers 3-4 at 0.7, heads at 3 times the base",
    baseMeaning: 'the rate of a group with multiplier 1: embeddings and most layers',
    base: 2e-5,
    layers: 12,
    multipliers: rounded,
    published: rounded.map((multiplier) => multiplier * 2e-5),
    provenance: {
      ...paper,
      method:
        'multipliers 1, 1, 0.3, 0.7, 1, 1, 1, 1, 1, 3 times a base of 2e-5, read off the combined rates by the authors',
    },
  },
];

export const presetNames: readonly string[] = presets.map((preset) => preset.name);

export function findPreset(name: string): Preset | undefined {
  return presets.find((preset) => preset.name === name);
}

/** The preset for a model of `layers` encoder layers (see forLayers), at `base` or at its standard level. */
export function fromPreset(preset: Preset, layers: number, base = preset.base): RateDistribution {
  const groups = depthGroups(preset.layers, preset.multipliers.length);
  const published = base === preset.base ? preset.published : undefined;
  const rates = published ?? preset.multipliers.map((multiplier) => multiplier * base);
  const distribution = {
    name: published === undefined ? `${preset.name}@${formatRate(base)}` : preset.name,
    layers: preset.layers,
    groups,
    stages: [Object.fromEntries(groups.map((group, i) => [group.name, rates[i]!]))],
    base,
    provenance: {
      preset: preset.name,
      base,
      base_means: preset.baseMeaning,
      ...(preset.published === undefined ? {} : { published_base: preset.base, published_rates: preset.published }),
      ...preset.provenance,
    },
  };
  return forLayers(distribution, layers);
}
