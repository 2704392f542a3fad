import type { RateDistribution } from '../distribution.ts';

/** A TypeScript module with the distribution as a constant, ready for `rates:` in lrdist's programming interface. */
export function toTypeScript(distribution: RateDistribution): string {
  return [
    '// Written by lrdist rates export.',
    "import type { RateDistribution } from 'lrdist';",
    '',
    `export const ${constantName(distribution.name)}: RateDistribution = ${JSON.stringify(distribution, null, 2)};`,
    '',
    `export default ${constantName(distribution.name)};`,
    '',
  ].join('\n');
}

/** `llrd-0.95@3e-4` -> `llrd095At3e4`. */
export function constantName(name: string): string {
  const words = name
    .replaceAll('@', ' at ')
    .replaceAll('.', '')
    .split(/[^A-Za-z0-9]+/)
    .filter((word) => word !== '');
  const joined = words
    .map((word, i) => (i === 0 ? word[0]!.toLowerCase() : word[0]!.toUpperCase()) + word.slice(1))
    .join('');
  return /^[a-z]/.test(joined) && !reserved.has(joined)
    ? joined
    : `rates${joined === '' ? '' : joined[0]!.toUpperCase()}${joined.slice(1)}`;
}

const reserved = new Set(
  'break case catch class const continue debugger default delete do else enum export extends false finally for function if import in instanceof let new null return static super switch this throw true try typeof var void while with yield await implements interface package private protected public arguments eval undefined'.split(
    ' ',
  ),
);
