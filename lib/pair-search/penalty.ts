import { LrdistError, nearest } from '../errors.ts';
import { penaltyKinds, type PenaltyKind } from '../forgetting/penalties.ts';

/** Those that need neither batches nor a model beside the trials'. */
const searchable: readonly PenaltyKind[] = penaltyKinds.filter(
  ({ name, numbers, pretrained, session }) =>
    numbers.length > 0 && session === 'shared' && pretrained !== true && name !== 'child-d',
);

export const searchPenaltyNames: readonly string[] = searchable.map(({ name }) => name);

/** A penalty that trials can be trained with. @throws ERR_INVALID_OPTION */
export function searchPenalty(name: string): PenaltyKind {
  const kind = searchable.find((each) => each.name === name);
  if (kind !== undefined) return kind;
  const near = nearest(name, searchPenaltyNames);
  const known = penaltyKinds.some((each) => each.name === name);
  throw new LrdistError(
    'ERR_INVALID_OPTION',
    known ? `penalty: ${name} cannot be searched with` : `penalty: there is no penalty "${name}"`,
    {
      remedy:
        near === undefined || known ? `Those that can are ${searchPenaltyNames.join(', ')}.` : `Did you mean ${near}?`,
    },
  );
}
