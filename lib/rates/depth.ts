import { LrdistError } from '../errors.ts';
import type { GroupSpec } from './groups.ts';

/** The single group of a flat distribution. */
export function allGroups(): readonly GroupSpec[] {
  return [{ name: 'all', match: ['*'] }];
}

/** Patterns of a run of encoder layers, both ends included. */
function layerPatterns(first: number, last: number): string[] {
  return Array.from({ length: last - first + 1 }, (_, i) => `bert.encoder.layer.${first + i}.*`);
}

/**
 * Layers of each inner group, first and last: group i of m holds the layers ceil(L i / m) to ceil(L (i + 1) / m) - 1, i from 0.
 * This is the rule of the code behind arXiv 2404.01317, in whole numbers.
 */
export function innerLayers(layers: number, inner: number): { readonly first: number; readonly last: number }[] {
  return Array.from({ length: inner }, (_, i) => ({
    first: Math.ceil((layers * i) / inner),
    last: Math.ceil((layers * (i + 1)) / inner) - 1,
  }));
}

/**
 * Groups by depth. With n >= 3: embeddings, n - 2 runs of layers, heads (everything else: classifiers, pooler, masked-LM head).
 * n = 2: the body (embeddings and layers) and the heads. n = 1: everything.
 *
 * @param layers encoder layers of the model, at least 1
 * @param n number of groups, 1 to layers + 2
 */
export function depthGroups(layers: number, n: number): readonly GroupSpec[] {
  requireLayers(layers);
  if (!Number.isInteger(n) || n < 1 || n > layers + 2) {
    throw new LrdistError(
      'ERR_INVALID_OPTION',
      `cannot make ${n} groups by depth of ${layers} layers: expected a whole number from 1 to ${layers + 2}`,
    );
  }
  if (n === 1) return allGroups();
  const heads: GroupSpec = { name: 'heads', match: ['*'] };
  if (n === 2) return [{ name: 'body', match: ['bert.embeddings.*', 'bert.encoder.*'] }, heads];
  const inner = innerLayers(layers, n - 2).map(({ first, last }) => ({
    name: first === last ? `layer_${first}` : `layers_${first}-${last}`,
    match: layerPatterns(first, last),
  }));
  return [{ name: 'embeddings', match: ['bert.embeddings.*'] }, ...inner, heads];
}

/** One group per layer, between embeddings and heads. */
export function layerGroups(layers: number): readonly GroupSpec[] {
  return depthGroups(layers, layers + 2);
}

/** n if `groups` are `depthGroups(layers, n)` up to their names, else undefined. */
export function depthCount(groups: readonly GroupSpec[], layers: number): number | undefined {
  const n = groups.length;
  if (n < 1 || n > layers + 2) return undefined;
  const same = depthGroups(layers, n).every((group, i) => group.match.join('\n') === groups[i]!.match.join('\n'));
  return same ? n : undefined;
}

/** Number of encoder layers that parameter names speak of. */
export function layersOf(parameterNames: readonly string[]): number {
  let layers = 0;
  for (const name of parameterNames) {
    const match = /^bert\.encoder\.layer\.(\d+)\./.exec(name);
    if (match) layers = Math.max(layers, Number(match[1]) + 1);
  }
  return layers;
}

export function requireLayers(layers: number): void {
  if (!Number.isInteger(layers) || layers < 1 || layers > 1000) {
    throw new LrdistError('ERR_INVALID_OPTION', `layers: expected a whole number from 1 to 1000, received ${layers}`);
  }
}
