/** Sums over parameters, gathered into sums over parts of the model. */
import type { ModelParameter } from '../../train/model.ts';
import { forLayers } from '../../rates/convert.ts';
import { layersOf } from '../../rates/depth.ts';
import type { RateDistribution } from '../../rates/distribution.ts';
import { assign } from '../../rates/groups.ts';
import { layerKindGroups } from '../../rates/kinds.ts';
import type { ByPart, Measured } from '../../report/measures-record.ts';

/** Name of the part that each parameter belongs to. */
export type Parts = readonly string[];

/** `embeddings`, `layer_0`, ..., `pooler`, one part for each head. */
export function layerParts(parameters: readonly ModelParameter[]): Parts {
  return parameters.map(({ name }) => {
    const layer = /^bert\.encoder\.layer\.(\d+)\./.exec(name)?.[1];
    if (layer !== undefined) return `layer_${layer}`;
    if (name.startsWith('bert.embeddings.')) return 'embeddings';
    if (name.startsWith('bert.pooler.')) return 'pooler';
    return /^(classifier\.[^.]+|cls\.predictions)\./.exec(name)?.[1] ?? name;
  });
}

/** The same, with every layer cut into LayerNorm, bias, attention and feed-forward: `layer_0_attention`. */
export function kindParts(parameters: readonly ModelParameter[]): Parts {
  const names = parameters.map(({ name }) => name);
  const groups = layerKindGroups(layersOf(names));
  // Its last group takes everything behind the layers, whose parts layerParts tells apart; it may be empty here.
  const inner = groups.slice(0, -1);
  const rest = layerParts(parameters);
  const body = names.filter(isBody);
  const assigned = assign(body, inner);
  const groupOf = new Map(body.map((name, i) => [name, inner[assigned[i]!]!.name]));
  return names.map((name, i) => groupOf.get(name) ?? rest[i]!);
}

/** Names of a distribution's groups. @throws ERR_GROUP_EMPTY, ERR_PARAMETER_UNCLAIMED */
export function groupParts(parameters: readonly ModelParameter[], distribution: RateDistribution): Parts {
  const names = parameters.map(({ name }) => name);
  const { groups } = forLayers(distribution, layersOf(names));
  return Array.from(assign(names, groups), (g) => groups[g]!.name);
}

/** Whether a parameter is of the pretrained body: embeddings or layers. */
export function isBody(name: string): boolean {
  return /^bert\.(embeddings|encoder)\./.test(name);
}

/** Sums of `session.compare` over some tensors of one replica: a^2, a b, b^2, (a - b)^2. */
export type PairSums = readonly [aa: number, ab: number, bb: number, distance: number];

/** One replica's share of a comparison [K x P x 4]: the sums of each parameter. */
export function sumsOf(compared: Float64Array, replica: number, parameters: number): PairSums[] {
  return Array.from({ length: parameters }, (_, p) => {
    const at = (replica * parameters + p) * 4;
    return [compared[at]!, compared[at + 1]!, compared[at + 2]!, compared[at + 3]!] as const;
  });
}

export function total(sums: readonly PairSums[]): PairSums {
  return sums.reduce<PairSums>((t, s) => [t[0] + s[0], t[1] + s[1], t[2] + s[2], t[3] + s[3]], [0, 0, 0, 0]);
}

/** A value for each part, in the order in which parts first occur. */
export function byPart(parts: Parts, sums: readonly PairSums[], value: (sums: PairSums) => Measured): ByPart {
  return Object.fromEntries(
    [...new Set(parts)].map((part) => [part, value(total(sums.filter((_, p) => parts[p] === part)))]),
  );
}

/** What JSON can hold of a number. */
export function measured(value: number): Measured {
  return Number.isFinite(value) ? value : null;
}
