/** What is searched: named dimensions, each a range or a list of choices. */
export interface FloatParameter {
  readonly kind: 'float';
  readonly low: number;
  /** Included. */
  readonly high: number;
  /** Searched on a logarithmic scale; needs low > 0. */
  readonly log?: boolean;
}

export interface IntParameter {
  readonly kind: 'int';
  readonly low: number;
  /** Included. */
  readonly high: number;
  readonly log?: boolean;
}

export interface CategoricalParameter {
  readonly kind: 'categorical';
  /** At least one, all different; without an order. */
  readonly choices: readonly (string | number | boolean)[];
}

export type Parameter = FloatParameter | IntParameter | CategoricalParameter;

/** Dimensions in a fixed order: that of the keys. */
export type Space = Readonly<Record<string, Parameter>>;

export type ParameterValue = string | number | boolean;

/** One point of a space: a value for every dimension. */
export type Parameters = Readonly<Record<string, ParameterValue>>;

/** The values a space's points have, for typed access: `ParametersOf<typeof space>`. */
export type ParametersOf<S extends Space> = {
  readonly [K in keyof S]: S[K] extends CategoricalParameter ? S[K]['choices'][number] : number;
};

export type Direction = 'maximize' | 'minimize';
