import { LrdistError } from '../../errors.ts';
import { DEFAULT_RATE, type Preset, type PresetFamily } from './preset.ts';

const kumar =
  'Kumar, Raghunathan, Jones, Ma, Liang: Fine-Tuning can Distort Pretrained Features and Underperform Out-of-Distribution, ICLR 2022, arXiv 2202.10054';

/** How much faster heads learn than a body that is not to be disturbed. */
const FAST = 10;

const lpFt = {
  description: 'first the heads alone, at ten times the base, then everything at the base',
  baseMeaning: 'the rate of everything in the second part',
  base: DEFAULT_RATE,
  provenance: {
    source: kumar,
    model: 'image classifiers',
    caution:
      'there probing runs to its end with a rate of its own, and fine-tuning has its own schedule; here both share one stage, and the ten times is that of fast-head',
  },
} as const;

function linearProbeFirst(name: string, share: number): Preset {
  return {
    ...lpFt,
    name,
    formula: `heads 10 and body 0 in the first ${share} of the steps, then 1 everywhere`,
    shape: () => ({
      multipliers: [1, 1],
      phases: [
        { from: 0, factors: { body: 0, heads: FAST } },
        { from: share, factors: { body: 1, heads: 1 } },
      ],
    }),
  };
}

export const headPresets: readonly Preset[] = [
  {
    name: 'flat',
    description: 'one rate for everything',
    formula: '1',
    baseMeaning: 'the rate',
    base: DEFAULT_RATE,
    shape: () => ({ multipliers: [1] }),
    provenance: {
      source: 'Devlin, Chang, Lee, Toutanova: BERT, NAACL 2019, arXiv 1810.04805',
      published_base: [5e-5, 4e-5, 3e-5, 2e-5],
    },
  },
  {
    name: 'fast-head',
    description: 'heads (and pooler) at ten times the body',
    formula: '10 in the heads, 1 in embeddings and layers',
    baseMeaning: 'the rate of the body: embeddings and encoder layers',
    base: DEFAULT_RATE,
    shape: () => ({ multipliers: [1, FAST] }),
    provenance: {
      source: kumar,
      caution:
        'a common heuristic against what that paper describes, a body that moves while the heads are still random; the factor of ten is not from there',
    },
  },
  linearProbeFirst('lp-ft', 0.5),
];

/** `lp-ft-0.3`: the heads alone for 0.3 of the steps. */
export const lpFtFamily: PresetFamily = {
  form: 'lp-ft-SHARE',
  ...lpFt,
  formula: 'heads 10 and body 0 in the first SHARE of the steps, then 1 everywhere',
  find: (name) => {
    const text = /^lp-ft-(\d*\.?\d+)$/.exec(name)?.[1];
    if (text === undefined) return undefined;
    const share = Number(text);
    if (!(share > 0 && share < 1))
      throw new LrdistError(
        'ERR_INVALID_OPTION',
        `rates: ${name}: expected a share of the steps above 0 and below 1, received ${text}`,
        { remedy: 'For example lp-ft-0.3; head-only never leaves the first part.' },
      );
    return linearProbeFirst(name, share);
  },
};
