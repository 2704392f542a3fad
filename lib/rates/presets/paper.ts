import type { Preset } from './preset.ts';

const paper = {
  source:
    'Kenneweg, Schulz, Schröder, Hammer: Intelligent Learning Rate Distribution to reduce Catastrophic Forgetting in Transformers, 2022, arXiv 2404.01317',
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

export const paperPresets: readonly Preset[] = [
  {
    name: 'paper-combined',
    description: "the paper's combined rates of four task pairs, dip at layer 2, heads highest",
    formula: 'the ten published rates over the geometric mean of the layers',
    baseMeaning: 'the geometric mean of the rates of the twelve encoder layers',
    base: combinedBase,
    cutFor: 12,
    shape: () => ({ multipliers: combined.map((rate) => rate / combinedBase) }),
    publishedRates: combined,
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
    formula: rounded.join(', '),
    baseMeaning: 'the rate of a group with multiplier 1: embeddings and most layers',
    base: 2e-5,
    cutFor: 12,
    shape: () => ({ multipliers: rounded }),
    publishedRates: rounded.map((multiplier) => multiplier * 2e-5),
    provenance: {
      ...paper,
      method:
        'multipliers 1, 1, 0.3, 0.7, 1, 1, 1, 1, 1, 3 times a base of 2e-5, read off the combined rates by the authors',
      caution: 'the base of 2e-5 is about six times the level of the combined rates',
    },
  },
];
