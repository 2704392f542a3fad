import { PairTable } from './pair-table.ts';

/**
 * Calls `found(inner, outer)` for texts whose words occur, one after the other, inside another text. Not for every such pair, but for enough
 * that joining the pairs joins every inner text with every text that holds it. Texts must be distinct; those of fewer than `leastWords`
 * words are never inner.
 *
 * An Aho-Corasick automaton over words: one walk over all texts, time and memory linear in the number of words. At each position only the
 * longest inner text that ends there is reported; shorter ones that end there lie inside it and are reported with it as the outer text.
 */
export function findContained(
  texts: readonly (readonly string[])[],
  leastWords: number,
  found: (inner: number, outer: number) => void,
): void {
  const words = numberWords(texts);
  const automaton = build(words, leastWords);
  for (const [outer, text] of words.entries()) {
    let state = 0;
    for (let i = 0; i < text.length; i++) {
      state = automaton.step(state, text[i]!);
      const whole = i === text.length - 1 && automaton.endsHere(state) === outer;
      const inner = whole ? automaton.endsBelow(state) : automaton.longestEnd(state);
      if (inner >= 0) found(inner, outer);
    }
  }
}

function numberWords(texts: readonly (readonly string[])[]): Int32Array[] {
  const numbers = new Map<string, number>();
  return texts.map((text) =>
    Int32Array.from(text, (word) => {
      const known = numbers.get(word);
      if (known !== undefined) return known;
      numbers.set(word, numbers.size);
      return numbers.size - 1;
    }),
  );
}

interface Automaton {
  step(state: number, word: number): number;
  /** The text that is the state's whole path, or -1. */
  endsHere(state: number): number;
  /** The longest text that is a proper suffix of the state's path, or -1. */
  endsBelow(state: number): number;
  longestEnd(state: number): number;
}

function build(texts: readonly Int32Array[], leastWords: number): Automaton {
  const edges = new PairTable();
  const parent = [0];
  const wordOf = [-1];
  const end = [-1];
  const byDepth: number[][] = [];
  for (const [number, text] of texts.entries()) {
    if (text.length < leastWords) continue;
    let state = 0;
    for (let depth = 0; depth < text.length; depth++) {
      const word = text[depth]!;
      let next = edges.get(state, word);
      if (next < 0) {
        next = parent.length;
        edges.set(state, word, next);
        parent.push(state);
        wordOf.push(word);
        end.push(-1);
        (byDepth[depth] ??= []).push(next);
      }
      state = next;
    }
    end[state] = number;
  }
  // fail: the longest proper suffix of the path that is a path from the root as well.
  const fail = new Int32Array(parent.length);
  const below = new Int32Array(parent.length).fill(-1);
  const step = (from: number, word: number): number => {
    for (let state = from; ; state = fail[state]!) {
      const next = edges.get(state, word);
      if (next >= 0) return next;
      if (state === 0) return 0;
    }
  };
  for (const states of byDepth) {
    for (const state of states) {
      const above = parent[state]!;
      const target = above === 0 ? 0 : step(fail[above]!, wordOf[state]!);
      fail[state] = target;
      below[state] = end[target]! >= 0 ? end[target]! : below[target]!;
    }
  }
  return {
    step,
    endsHere: (state) => end[state]!,
    endsBelow: (state) => below[state]!,
    longestEnd: (state) => (end[state]! >= 0 ? end[state]! : below[state]!),
  };
}
