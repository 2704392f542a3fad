/** The plural of a noun, or the third person singular of a verb: the spelling rule is the same. */
export function addS(word: string): string {
  if (/(s|sh|ch|x|z)$/.test(word)) return `${word}es`;
  if (/[^aeiou]y$/.test(word)) return `${word.slice(0, -1)}ies`;
  return `${word}s`;
}

export function noun(word: string, plural: boolean): string {
  return plural ? addS(word) : word;
}

/** @param plural whether the subject is plural */
export function verb(word: string, plural: boolean): string {
  return plural ? word : addS(word);
}
