import { bertParameterNames } from './names.ts';

/** Tensors of a BERT with a pooler and one classifier: what distributions are compared and converted on, without a model at hand. */
export function tensorNames(layers: number): readonly string[] {
  return bertParameterNames({ layers, heads: ['task'] });
}

/** A tensor of one model that covers a part of a tensor of another. */
export interface Piece {
  readonly before: number;
  readonly after: number;
  /** Share of the later tensor, above 0; those of one tensor add up to 1. */
  readonly weight: number;
}

const inLayer = /^bert\.encoder\.layer\.(\d+)\.(.+)$/;

/**
 * Which tensors of a model of `from` layers stand where the tensors of one of `to` layers stand, both in the order of tensorNames.
 * Layers are laid over one another by relative depth: layer l covers [l / to, (l + 1) / to). Outside the layers, each covers its own.
 */
export function cover(from: number, to: number): Piece[] {
  const index = new Map(tensorNames(from).map((name, i) => [name, i]));
  return tensorNames(to).flatMap((name, after) => {
    const match = inLayer.exec(name);
    if (match === null) return [{ before: index.get(name)!, after, weight: 1 }];
    return overlaps(Number(match[1]), from, to).map(({ layer, weight }) => ({
      before: index.get(`bert.encoder.layer.${layer}.${match[2]}`)!,
      after,
      weight,
    }));
  });
}

/** Layers, of `from`, that layer `layer` of `to` overlaps, with the shares of it that they fill. In whole numbers, so exactly. */
function overlaps(layer: number, from: number, to: number): { layer: number; weight: number }[] {
  const start = layer * from;
  const end = (layer + 1) * from;
  const found: { layer: number; weight: number }[] = [];
  for (let other = Math.floor(start / to); other * to < end; other++) {
    const weight = (Math.min((other + 1) * to, end) - Math.max(other * to, start)) / from;
    found.push({ layer: other, weight });
  }
  return found;
}
