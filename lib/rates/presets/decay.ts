import { LrdistError } from '../../errors.ts';
import { DEFAULT_RATE, type Preset, type PresetFamily, type Shape } from './preset.ts';

/** Multipliers decay^steps, with the steps below the top for embeddings, each layer from 0, and heads. */
function decaying(
  decay: number,
  steps: (place: 'embeddings' | 'heads' | number, layers: number) => number,
): (layers: number) => Shape {
  return (layers) => ({
    multipliers: [
      decay ** steps('embeddings', layers),
      ...Array.from({ length: layers }, (_, layer) => decay ** steps(layer, layers)),
      decay ** steps('heads', layers),
    ],
  });
}

/** Heads 1, and one power more for every layer down: layer k gets decay^(L - k), embeddings decay^(L + 1). */
const stepwise = (decay: number): Preset['shape'] =>
  decaying(decay, (place, layers) => (place === 'heads' ? 0 : place === 'embeddings' ? layers + 1 : layers - place));

const baseMeaning = 'the rate of the heads (and pooler)';

const electra = {
  source:
    'Clark, Luong, Le, Manning: ELECTRA: Pre-training Text Encoders as Discriminators Rather Than Generators, ICLR 2020, arXiv 2003.10555',
  code: 'github.com/google-research/electra',
  model: 'electra-small and electra-base; electra-large has a decay of 0.9 at 5e-5',
  published_base: 1e-4,
} as const;

export const decayPresets: readonly Preset[] = [
  {
    name: 'electra',
    description:
      "ELECTRA's layer-wise decay of 0.8 as its code computes it, with two powers between heads and top layer",
    formula: '0.8^(L + 1 - k) in layer k, 0.8^(L + 2) in the embeddings, 1 in the heads',
    baseMeaning,
    base: 1e-4,
    shape: decaying(0.8, (place, layers) =>
      place === 'heads' ? 0 : place === 'embeddings' ? layers + 2 : layers + 1 - place,
    ),
    provenance: {
      ...electra,
      caution:
        'the extra power is an off-by-one: a place is kept for a pooler that ELECTRA lacks; electra-fixed is without it',
    },
  },
  {
    name: 'electra-fixed',
    description: "ELECTRA's layer-wise decay of 0.8 as it was meant, one power between heads and top layer",
    formula: '0.8^(L - k) in layer k, 0.8^(L + 1) in the embeddings, 1 in the heads',
    baseMeaning,
    base: 1e-4,
    shape: stepwise(0.8),
    provenance: { ...electra, caution: 'not what the published results were made with; see electra' },
  },
  {
    name: 'ulmfit',
    description: "ULMFiT's discriminative rates: each layer at 1/2.6 of the one above",
    formula: '2.6^-(L - k) in layer k, 2.6^-(L + 1) in the embeddings, 1 in the heads',
    baseMeaning,
    base: DEFAULT_RATE,
    shape: stepwise(1 / 2.6),
    provenance: {
      source: 'Howard, Ruder: Universal Language Model Fine-tuning for Text Classification, ACL 2018, arXiv 1801.06146',
      model: 'AWD-LSTM of 3 layers',
      published_base: 0.01,
      caution:
        'made for 3 recurrent layers; over 12 layers the embeddings get less than a hundred-thousandth of the heads, and the published level is far too high for a BERT. Its gradual unfreezing is --unfreeze',
    },
  },
  {
    name: 'zhang-2021',
    description: 'layer-wise decay of 0.95 from the heads down, at the level published for BERT-large',
    formula: '0.95^(L - k) in layer k, 0.95^(L + 1) in the embeddings, 1 in heads and pooler',
    baseMeaning,
    base: 2e-5,
    shape: stepwise(0.95),
    provenance: {
      source:
        'Zhang, Wu, Katiyar, Weinberger, Artzi: Revisiting Few-sample BERT Fine-tuning, ICLR 2021, arXiv 2006.05987',
      code: 'github.com/asappresearch/revisit-bert-finetuning',
      model: 'bert-large-uncased, 24 layers',
      published_base: 2e-5,
    },
  },
  {
    name: 'sun-2019',
    description: 'layer-wise decay of 0.95 that starts at the top layer, which has the full rate as the heads do',
    formula: '0.95^(L - 1 - k) in layer k, 0.95^L in the embeddings, 1 in the heads',
    baseMeaning: 'the rate of the heads and of the top layer',
    base: 2e-5,
    shape: decaying(0.95, (place, layers) =>
      place === 'heads' ? 0 : place === 'embeddings' ? layers : layers - 1 - place,
    ),
    provenance: {
      source: 'Sun, Qiu, Xu, Huang: How to Fine-Tune BERT for Text Classification?, CCL 2019, arXiv 1905.05583',
      model: 'bert-base-uncased',
      published_base: 2e-5,
      caution:
        'the paper gives the rule for layers only; embeddings one step below layer 0 and heads at the base are our reading',
    },
  },
];

const llrd = {
  description: 'layer-wise decay: heads at the base, each layer at DECAY times the one above',
  formula: 'DECAY^(L - k) in layer k, DECAY^(L + 1) in the embeddings, 1 in the heads',
  baseMeaning,
  base: DEFAULT_RATE,
  provenance: {
    source:
      'the rule of Zhang et al., ICLR 2021 (arXiv 2006.05987), there with 0.95; 0.9 and 0.8 after ELECTRA (arXiv 2003.10555)',
  },
} as const;

/** `llrd-0.95` and every other decay from above 0 to 1. */
export const llrdFamily: PresetFamily = {
  form: 'llrd-DECAY',
  ...llrd,
  find: (name) => {
    const text = /^llrd-(\d*\.?\d+)$/.exec(name)?.[1];
    if (text === undefined) return undefined;
    const decay = Number(text);
    if (!(decay > 0 && decay <= 1))
      throw new LrdistError(
        'ERR_INVALID_OPTION',
        `rates: ${name}: expected a decay above 0 and at most 1, received ${text}`,
        { remedy: 'For example llrd-0.95.' },
      );
    return {
      name,
      description: llrd.description.replaceAll('DECAY', text),
      formula: llrd.formula.replaceAll('DECAY', text),
      baseMeaning,
      base: llrd.base,
      shape: stepwise(decay),
      provenance: { ...llrd.provenance, decay },
    };
  },
};
