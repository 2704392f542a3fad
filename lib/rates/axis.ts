/** A logarithmic axis of rates. */
export interface Axis {
  readonly low: number;
  readonly high: number;
  /** `1e-6 to 2e-5, log` */
  readonly label: string;
  /** Place of a rate above 0, from 0 at the low end to 1 at the high one. */
  readonly place: (rate: number) => number;
  /** Whole powers of ten within it. */
  readonly decades: readonly number[];
}

/** From a whole power of ten below all rates above 0 to 1, 2 or 5 times a power of ten at or above them, at least a decade long. */
export function axisOf(rates: readonly number[]): Axis {
  const learning = rates.filter((rate) => rate > 0);
  const smallest = learning.length === 0 ? 1e-5 : Math.min(...learning);
  const largest = learning.length === 0 ? 1e-5 : Math.max(...learning);
  // The smallest rate should still show a piece of bar: an exact power of ten starts a decade lower.
  const bottom = Math.ceil(Math.log10(smallest) - 1e-9) - 1;
  const top = niceAbove(Math.max(largest, 10 ** (bottom + 1)));
  const low = Number(`1e${bottom}`);
  const decades: number[] = [];
  for (let exponent = bottom; Number(`1e${exponent}`) <= top; exponent++) decades.push(Number(`1e${exponent}`));
  const length = Math.log10(top) - bottom;
  return {
    low,
    high: top,
    label: `${low.toExponential()} to ${top.toExponential()}, log`,
    place: (rate) => (Math.log10(rate) - bottom) / length,
    decades,
  };
}

function niceAbove(rate: number): number {
  const exponent = Math.floor(Math.log10(rate) + 1e-9);
  for (const digit of [1, 2, 5]) {
    const nice = Number(`${digit}e${exponent}`);
    if (rate <= nice * (1 + 1e-9)) return nice;
  }
  return Number(`1e${exponent + 1}`);
}

/** A bar of block characters, to an eighth of a character; nothing for a frozen group. */
export function bar(rate: number, axis: Axis, width: number): string {
  if (rate === 0) return '';
  const eighths = Math.max(1, Math.round(axis.place(rate) * width * 8));
  return '█'.repeat(Math.floor(eighths / 8)) + ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'][eighths % 8]!;
}
