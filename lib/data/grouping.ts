import { findContained } from './containment.ts';
import type { Row } from './rows.ts';
import { UnionFind } from './union-find.ts';

/**
 * The group of each row, as the number of the group's first row: rows that share a text (either side of a pair, without regard to case,
 * spacing and Unicode form) are in one group, and so are the rows that such rows share texts with.
 * With `containment`, a text of at least that many words also joins every text that it lies inside of, word by word.
 */
export function groupByText(rows: readonly Row[], containment?: number): Int32Array {
  const groups = new UnionFind(rows.length);
  const firstRow = new Map<string, number>();
  for (const [r, row] of rows.entries()) {
    for (const text of row.b === undefined ? [row.a] : [row.a, row.b]) {
      const key = normalise(text);
      const first = firstRow.get(key);
      if (first === undefined) firstRow.set(key, r);
      else groups.join(first, r);
    }
  }
  if (containment !== undefined) {
    const texts = [...firstRow.keys()].map((text) => text.split(' '));
    const rowOf = [...firstRow.values()];
    findContained(texts, containment, (inner, outer) => groups.join(rowOf[inner]!, rowOf[outer]!));
  }
  return Int32Array.from(rows, (_, r) => groups.find(r));
}

/** Texts that differ only in this count as the same. */
export function normalise(text: string): string {
  return text.normalize('NFKC').toLowerCase().replaceAll(/\s+/g, ' ').trim();
}
