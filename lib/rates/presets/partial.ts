import { LrdistError } from '../../errors.ts';
import { DEFAULT_RATE, type Preset, type PresetFamily } from './preset.ts';

const freeze = {
  description: 'embeddings and the lowest K layers frozen, one rate for the rest',
  formula: '0 in the embeddings and in layers below K, 1 elsewhere',
  baseMeaning: 'the rate of what learns',
  base: DEFAULT_RATE,
  provenance: {
    source:
      'Lee, Tang, Lin: What Would Elsa Do? Freezing Layers During Transformer Fine-Tuning, 2019, arXiv 1911.03090',
  },
} as const;

/** `freeze-0` (embeddings alone) up to all layers. */
export const freezeFamily: PresetFamily = {
  form: 'freeze-K',
  ...freeze,
  find: (name) => {
    const text = /^freeze-(\d{1,4})$/.exec(name)?.[1];
    if (text === undefined) return undefined;
    const count = Number(text);
    return {
      ...freeze,
      name,
      description:
        count === 0
          ? 'embeddings frozen, one rate for the rest'
          : `embeddings and the lowest ${count === 1 ? 'layer' : `${count} layers`} frozen, one rate for the rest`,
      formula: `0 in the embeddings and in layers below ${count}, 1 elsewhere`,
      shape: (layers) => {
        if (count > layers)
          throw new LrdistError('ERR_INVALID_OPTION', `rates: ${name}: the model has only ${layers} layers`, {
            remedy: `Take freeze-0 to freeze-${layers}.`,
          });
        return { multipliers: [0, ...Array.from({ length: layers }, (_, layer) => Number(layer >= count)), 1] };
      },
    };
  },
};

const surgery = {
  baseMeaning: 'the rate of the block and of the heads',
  base: DEFAULT_RATE,
  provenance: {
    source:
      'Lee, Chen, Tajwar, Kumar, Yao, Liang, Finn: Surgical Fine-Tuning Improves Adaptation to Distribution Shifts, ICLR 2023, arXiv 2210.11466',
    model: 'image classifiers',
    caution:
      'there one block of a network with its old head is tuned; here the heads learn too, since those of a new task are untrained',
  },
} as const;

/** Only the layers from `first` to `last` and the heads learn. */
function block(
  name: string,
  where: string,
  layersOf: (layers: number) => readonly [first: number, last: number],
): Preset {
  return {
    ...surgery,
    name,
    description: `only ${where} and the heads learn`,
    formula: `1 in ${where} and in the heads, 0 elsewhere`,
    shape: (layers) => {
      const [first, last] = layersOf(layers);
      if (last >= layers)
        throw new LrdistError(
          'ERR_INVALID_OPTION',
          `rates: ${name}: the model has only the layers 0 to ${layers - 1}`,
          { remedy: `Take layers up to ${layers - 1}, or surgical-last.` },
        );
      return {
        multipliers: [0, ...Array.from({ length: layers }, (_, layer) => Number(layer >= first && layer <= last)), 1],
      };
    },
  };
}

const third = (layers: number): number => Math.ceil(layers / 3);

export const partialPresets: readonly Preset[] = [
  {
    name: 'head-only',
    description: 'a linear probe: only the heads (and pooler) learn',
    formula: '0 in embeddings and layers, 1 in the heads',
    baseMeaning: 'the rate of the heads (and pooler)',
    base: DEFAULT_RATE,
    shape: () => ({ multipliers: [0, 1] }),
    provenance: {},
  },
  block('surgical-first', 'the lowest third of the layers', (layers) => [0, third(layers) - 1]),
  block('surgical-middle', 'the middle third of the layers', (layers) => {
    const first = Math.floor((layers - third(layers)) / 2);
    return [first, first + third(layers) - 1];
  }),
  block('surgical-last', 'the highest third of the layers', (layers) => [layers - third(layers), layers - 1]),
];

/** `surgical-2-5`: layers 2 to 5. */
export const surgicalFamily: PresetFamily = {
  form: 'surgical-I-J',
  description: 'only the layers I to J and the heads learn',
  formula: '1 in layers I to J and in the heads, 0 elsewhere',
  ...surgery,
  find: (name) => {
    const match = /^surgical-(\d{1,4})-(\d{1,4})$/.exec(name);
    if (match === null) return undefined;
    const [first, last] = [Number(match[1]), Number(match[2])];
    if (first > last)
      throw new LrdistError('ERR_INVALID_OPTION', `rates: ${name}: expected the lower layer first`, {
        remedy: `Did you mean surgical-${last}-${first}?`,
      });
    return block(name, first === last ? `layer ${first}` : `the layers ${first} to ${last}`, () => [first, last]);
  },
};
