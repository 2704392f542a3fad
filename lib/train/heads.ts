import { LrdistError } from '../errors.ts';
import type { WantedHead } from './hf.ts';
import { outputsOf } from './task.ts';

export function wantedHead(name: string, kind: WantedHead['kind'], labels: readonly string[] | null): WantedHead {
  return {
    name,
    kind,
    labels: kind === 'masked-lm' ? null : labels,
    outputs: kind === 'masked-lm' ? 0 : outputsOf({ labels }),
  };
}

/** Names are part of parameter names and of patterns over them, so they must be plain and must differ. */
export function checkHeads(heads: readonly WantedHead[]): readonly WantedHead[] {
  const seen = new Set<string>();
  for (const { name, kind, labels } of heads) {
    if (!/^[A-Za-z0-9][\w-]*$/.test(name))
      throw new LrdistError('ERR_INVALID_OPTION', `head "${name}": expected a name of letters, digits, "_" and "-"`);
    if (seen.has(name))
      throw new LrdistError('ERR_INVALID_OPTION', `head "${name}" is named twice`, {
        remedy: 'A model has one head for each task.',
      });
    seen.add(name);
    if (kind === 'classification' && labels !== null && labels.length < 2) {
      throw new LrdistError(
        'ERR_INVALID_OPTION',
        `head "${name}": expected at least two labels, or null for regression, received ${labels.length}`,
      );
    }
  }
  if (heads.filter((head) => head.kind === 'masked-lm').length > 1)
    throw new LrdistError('ERR_INVALID_OPTION', 'a model has at most one masked-lm head');
  return heads;
}
