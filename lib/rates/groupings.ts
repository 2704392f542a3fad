import { readFile } from 'node:fs/promises';
import { LrdistError } from '../errors.ts';
import { depthGroups, layerGroups } from './depth.ts';
import { groupsOfDocument } from './file.ts';
import type { GroupSpec } from './groups.ts';
import { layerKindGroups, layerQkvGroups } from './kinds.ts';

/** A way to cut a model of any depth into groups. */
export interface Grouping {
  /** As parseGrouping reads it. */
  readonly name: string;
  readonly description: string;
  readonly groups: (layers: number) => readonly GroupSpec[];
}

/** The groupings without a number of their own. */
export const groupings: readonly Grouping[] = [
  { name: 'all', description: 'one group', groups: (layers) => depthGroups(layers, 1) },
  { name: 'layer', description: 'embeddings, each layer, heads', groups: layerGroups },
  {
    name: 'layer-kind',
    description: 'embeddings; LayerNorm, biases, attention and feed-forward of each layer; heads',
    groups: layerKindGroups,
  },
  {
    name: 'layer-qkv',
    description: 'embeddings; query, key, value, attention output, feed-forward and LayerNorm of each layer; heads',
    groups: layerQkvGroups,
  },
];

/** What parseGrouping accepts, for help and errors. */
export const groupingForms: readonly string[] = ['depth:N', ...groupings.map(({ name }) => name)];

/**
 * Parses `depth:10`, `layer`, `layer-kind`, ..., each with `+pooler` behind it to give the pooler a group apart from the heads.
 *
 * @throws LrdistError ERR_INVALID_OPTION; `groups` throws it for a number of groups that the model's depth does not allow
 */
export function parseGrouping(text: string): Grouping {
  const apart = text.endsWith('+pooler');
  const grouping = plainGrouping(apart ? text.slice(0, -'+pooler'.length) : text);
  if (grouping === undefined) {
    throw new LrdistError(
      'ERR_INVALID_OPTION',
      `grouping: expected ${groupingForms.join(', ')} or a JSON file, received "${text}"`,
      {
        remedy: 'For example layer, or depth:10; "+pooler" behind it gives the pooler a group of its own.',
      },
    );
  }
  if (!apart) return grouping;
  return {
    name: text,
    description: `${grouping.description}; the pooler apart`,
    groups: (layers) => withPooler(grouping.groups(layers)),
  };
}

/** The same groups with the pooler taken out of the last one. Models without a pooler cannot use them. */
export function withPooler(groups: readonly GroupSpec[]): readonly GroupSpec[] {
  return [...groups.slice(0, -1), { name: 'pooler', match: ['bert.pooler.*'] }, groups.at(-1)!];
}

/**
 * Groups of a grouping by name, or own patterns out of a JSON file: a rates file, or `{ "groups": [{ "name", "match" }] }`.
 *
 * @throws LrdistError ERR_INVALID_OPTION, ERR_READ, ERR_RATES_FILE
 */
export async function readGroups(text: string, layers: number): Promise<readonly GroupSpec[]> {
  if (!/[\\/]|\.json$/i.test(text)) return parseGrouping(text).groups(layers);
  let content: string;
  try {
    content = await readFile(text, 'utf8');
  } catch (cause) {
    throw new LrdistError('ERR_READ', `cannot read the groups file ${text}: ${(cause as Error).message}`, { cause });
  }
  return groupsOfDocument(content, text, layers);
}

function plainGrouping(name: string): Grouping | undefined {
  const count = /^depth:(\d{1,4})$/.exec(name)?.[1];
  if (count === undefined) return groupings.find((grouping) => grouping.name === name);
  const n = Number(count);
  return { name, description: `${n} groups by depth`, groups: (layers) => depthGroups(layers, n) };
}
