/** Trials of other pairs that a search begins with: recorded by study and number, so that every worker of the study has the same. */
import { LrdistError } from '../errors.ts';
import type { Sampler } from '../search/sampler.ts';
import { withTransfer } from '../search/samplers/warm-start.ts';
import type { Storage, StoredStudy } from '../search/storage/storage.ts';
import { isFinished, type Json } from '../search/trial.ts';

export interface TransferSource {
  readonly study: string;
  /** Its first so many trials. */
  readonly trials: number;
}

/** @throws ERR_STUDY_NOT_FOUND; ERR_INVALID_OPTION for a study that is not finished */
export async function transferSources(storage: Storage, names: readonly string[]): Promise<readonly TransferSource[]> {
  const sources: TransferSource[] = [];
  for (const name of names) {
    const trials = await storage.trials((await find(storage, name)).id);
    if (!trials.every(isFinished))
      throw new LrdistError('ERR_INVALID_OPTION', `transfer: trials of the study "${name}" are still running`, {
        remedy: 'Let it come to its end, so that all workers see the same of it.',
      });
    sources.push({ study: name, trials: trials.length });
  }
  return sources;
}

/** The sources in a study's record. */
export function recordedSources({ protocol }: Pick<StoredStudy, 'protocol'>): readonly TransferSource[] {
  return (protocol['transfer'] ?? []) as unknown as readonly TransferSource[];
}

/** As it is recorded. */
export function sourcesJson(sources: readonly TransferSource[]): Json {
  return sources.map(({ study, trials }) => ({ study, trials }));
}

/** The sampler, warm-started by these trials; itself where there are none. */
export async function transferred(
  storage: Storage,
  sampler: Sampler,
  sources: readonly TransferSource[],
): Promise<Sampler> {
  if (sources.length === 0) return sampler;
  const lists = [];
  for (const { study, trials } of sources)
    lists.push((await storage.trials((await find(storage, study)).id)).slice(0, trials));
  return withTransfer(sampler, { sources: lists });
}

async function find(storage: Storage, name: string): Promise<StoredStudy> {
  const stored = await storage.findStudy(name);
  if (stored !== undefined) return stored;
  throw new LrdistError('ERR_STUDY_NOT_FOUND', `transfer: there is no study "${name}" in ${storage.address}`, {
    remedy: 'Studies to begin with are in the same storage; lrdist study list names them.',
  });
}
