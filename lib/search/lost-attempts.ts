/** Trials whose workers are lost again and again: perhaps they are what ends them. */
import type { Claim, Storage } from './storage/storage.ts';
import type { Trial } from './trial.ts';

/** Attempts at a trial that may be lost before it has failed. */
export const DEFAULT_ATTEMPTS = 3;

/**
 * Whether a trial of an unfinished batch has lost all attempts but the last. The batch is then run trial by trial, so that one that ends its process takes no others with it.
 */
export function isLastAttempt(batch: readonly Trial[], attempts: number): boolean {
  // Nobody has claimed a running one anew: if it can be claimed, one more attempt was lost.
  const lost = Math.max(...batch.map((trial) => trial.lost + (trial.state === 'running' ? 1 : 0)));
  return lost > 0 && lost >= attempts - 1;
}

/** Records claimed trials as failed if too many attempts at them were lost. @returns the other claims, and those that were given up */
export async function giveUp(
  storage: Storage,
  study: number,
  claims: readonly Claim[],
  attempts: number,
): Promise<{
  readonly going: readonly Claim[];
  readonly failed: readonly { readonly trial: number; readonly error: string }[];
}> {
  const going: Claim[] = [];
  const failed: { trial: number; error: string }[] = [];
  for (const claim of claims) {
    const { number, lost } = claim.trial;
    if (lost < attempts) {
      going.push(claim);
      continue;
    }
    const error = `given up: its worker was lost ${lost === 1 ? 'once' : `${lost} times`} (killed, crashed, or not heard of)`;
    if (await storage.finish(study, claim, { state: 'failed', values: null, error }))
      failed.push({ trial: number, error });
  }
  return { going, failed };
}
