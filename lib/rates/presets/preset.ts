import type { Provenance } from '../distribution.ts';
import type { Phase } from '../phases.ts';

/** Rates of a model of a certain depth as multiples of the base. */
export interface Shape {
  /** Multiplier of each group by depth, from embeddings to heads; how many there are says which groups (see depthGroups). */
  readonly multipliers: readonly number[];
  readonly phases?: readonly Phase[];
}

/** A named shape: rates by group at a standard level, which `@base` moves up or down. */
export interface Preset {
  readonly name: string;
  readonly description: string;
  /** Multiplier of each group. L = layers of the model, k = a layer from 0. */
  readonly formula: string;
  /** What `name@base` sets. */
  readonly baseMeaning: string;
  /** The base without `@`: the published one where it suits a BERT, or Hugging Face's default learning rate. */
  readonly base: number;
  /** Number of encoder layers that the shape was found for and is cut for, if it is not a rule for every depth. */
  readonly cutFor?: number;
  /** @throws LrdistError ERR_INVALID_OPTION if the shape does not exist at this depth */
  readonly shape: (layers: number) => Shape;
  /** The published rates, for a preset whose plain name means exactly these. */
  readonly publishedRates?: readonly number[];
  /** Source, and the level that was published with it. */
  readonly provenance: Provenance;
}

/** Presets with a number in their name. */
export interface PresetFamily {
  /** How the names are written. */
  readonly form: string;
  readonly description: string;
  readonly formula: string;
  readonly base: number;
  readonly baseMeaning: string;
  readonly provenance: Provenance;
  /** The preset of this name, undefined if the name is of another form. */
  readonly find: (name: string) => Preset | undefined;
}

/** Hugging Face's default learning rate. */
export const DEFAULT_RATE = 5e-5;
