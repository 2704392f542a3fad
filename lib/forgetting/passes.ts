/** Which combinations train side by side. */
import type { RateDistribution } from '../rates/distribution.ts';
import type { StagedPenalty } from './penalties.ts';

export interface Combination {
  readonly name: string;
  readonly distribution: RateDistribution;
  readonly penalty: StagedPenalty;
}

/** Combinations that train as replicas of one session, on the same batches. */
export interface Pass {
  /** `shared`, or the penalty that has its own batches. */
  readonly name: string;
  /** Indices of combinations. */
  readonly members: readonly number[];
  /** Of a pass of its own. */
  readonly penalty: StagedPenalty | undefined;
}

/** Every distribution with every penalty, penalties in the outer loop, so that the first penalty's come first. */
export function combinationsOf(
  distributions: readonly RateDistribution[],
  penalties: readonly StagedPenalty[],
): readonly Combination[] {
  return penalties.flatMap((penalty) =>
    distributions.map((distribution) => ({
      name: penalty.name === 'none' ? distribution.name : `${distribution.name} + ${penalty.name}`,
      distribution,
      penalty,
    })),
  );
}

export function needsOwnSession({ stages }: StagedPenalty): boolean {
  return stages.some(({ kind }) => kind.session === 'own');
}

/** All pulls and transforms together; each that changes the batches alone, with all of its distributions. */
export function passesOf(combinations: readonly Combination[]): readonly Pass[] {
  const shared: number[] = [];
  const own = new Map<string, { penalty: StagedPenalty; members: number[] }>();
  for (const [i, { penalty }] of combinations.entries()) {
    if (!needsOwnSession(penalty)) {
      shared.push(i);
      continue;
    }
    const entry = own.get(penalty.name) ?? { penalty, members: [] };
    entry.members.push(i);
    own.set(penalty.name, entry);
  }
  return [
    ...(shared.length === 0 ? [] : [{ name: 'shared', members: shared, penalty: undefined }]),
    ...[...own].map(([name, { penalty, members }]) => ({ name, members, penalty })),
  ];
}
