import { LrdistError } from '../errors.ts';

/** A test for a parameter name. See GroupSpec for the two forms. */
export function compilePattern(pattern: string): (name: string) => boolean {
  const source = regexSource(pattern);
  if (source === undefined) {
    const regex = new RegExp(`^${pattern.split('*').map(escape).join('.*')}$`);
    return (name) => regex.test(name);
  }
  try {
    const regex = new RegExp(source);
    return (name) => regex.test(name);
  } catch (cause) {
    throw new LrdistError(
      'ERR_INVALID_OPTION',
      `group pattern "${pattern}" is not a regular expression: ${(cause as Error).message}`,
      { cause },
    );
  }
}

/** The source between the slashes of a regular-expression pattern, else undefined. */
export function regexSource(pattern: string): string | undefined {
  return pattern.length > 2 && pattern.startsWith('/') && pattern.endsWith('/') ? pattern.slice(1, -1) : undefined;
}

function escape(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/** Up to three parameter names that share the longest piece of text with one of the patterns, for error messages. */
export function nearestNames(patterns: readonly string[], names: readonly string[]): string[] {
  const scored = names.map((name) => ({
    name,
    score: Math.max(...patterns.map((pattern) => commonLength(pattern, name))),
  }));
  scored.sort((a, b) => b.score - a.score);
  return scored.slice(0, 3).map(({ name }) => name);
}

/** Length of the longest common substring. */
function commonLength(a: string, b: string): number {
  let best = 0;
  let previous = new Uint16Array(b.length + 1);
  for (const character of a) {
    const current = new Uint16Array(b.length + 1);
    for (let j = 1; j <= b.length; j++) {
      if (character !== b[j - 1]) continue;
      current[j] = previous[j - 1]! + 1;
      if (current[j]! > best) best = current[j]!;
    }
    previous = current;
  }
  return best;
}
