/** Numbers with a spread, found anywhere in a result file. */

export interface Figure {
  readonly middle: number;
  readonly low: number;
  readonly high: number;
}

/** Every `{median, least, most}` and `{mean, low, high}` of a document, by its path in it: `ratios.padded`. */
export function figuresOf(document: unknown, path: readonly string[] = []): Map<string, Figure> {
  if (typeof document !== 'object' || document === null) return new Map();
  const own = figure(document as Record<string, unknown>);
  if (own !== undefined) return new Map([[path.join('.'), own]]);
  return new Map(Object.entries(document).flatMap(([key, value]) => [...figuresOf(value, [...path, key])]));
}

function figure(value: Record<string, unknown>): Figure | undefined {
  for (const [middle, low, high] of [
    ['median', 'least', 'most'],
    ['mean', 'low', 'high'],
  ] as const) {
    const numbers = [value[middle], value[low], value[high]];
    // An interval of a single value has no bounds: null.
    if (typeof numbers[0] === 'number' && numbers.every((one) => typeof one === 'number'))
      return { middle: numbers[0], low: numbers[1] as number, high: numbers[2] as number };
  }
  return undefined;
}
