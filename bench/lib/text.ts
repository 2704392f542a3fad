import type { Spread } from './statistics.ts';

/** "2.31x (2.20 to 2.45)". */
export function times({ median, least, most }: Spread): string {
  return `${median.toFixed(2)}x (${least.toFixed(2)} to ${most.toFixed(2)})`;
}
