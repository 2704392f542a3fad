/** Storages as commands name them. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { env } from '../../env.ts';
import { LrdistError } from '../../errors.ts';
import { openStorage, parseAddress } from '../../search/storage/open.ts';
import type { Storage, StoredStudy } from '../../search/storage/storage.ts';
import type { SearchArguments } from './options.ts';
import { invalid, textOf } from './reading.ts';

/** `--storage`, else the environment's. */
export function givenAddress(args: SearchArguments): string | undefined {
  return textOf(args, 'storage') ?? env('LRDIST_STORAGE');
}

export function searchAddress(args: SearchArguments): string {
  const address = givenAddress(args) ?? join(textOf(args, 'output_dir') ?? '.', 'lrdist-search.db');
  parseAddress(address);
  return address;
}

/** A storage that must be there already. @throws ERR_INVALID_OPTION, ERR_STUDY_NOT_FOUND, ERR_STORAGE, ERR_STORAGE_VERSION */
export async function openExisting(args: SearchArguments): Promise<Storage> {
  const address = givenAddress(args);
  if (address === undefined)
    throw invalid('--storage is missing', 'Give the one of lrdist search, such as --storage lrdist-search.db');
  return openAddress(address);
}

export async function openAddress(address: string): Promise<Storage> {
  const { kind, where } = parseAddress(address);
  if (kind === 'memory') throw invalid('storage memory: is gone when a process ends', 'Give a file or a database.');
  if (kind !== 'postgres' && !existsSync(where))
    throw new LrdistError('ERR_STUDY_NOT_FOUND', `there is no file ${where}`, {
      remedy: 'Look at the path of the storage.',
    });
  return openStorage(address);
}

/** The study of that name; without a name the only one there is. @throws ERR_STUDY_NOT_FOUND, ERR_INVALID_OPTION */
export async function studyOf(storage: Storage, name: string | undefined): Promise<StoredStudy> {
  const studies = await storage.listStudies();
  const names = studies.map((study) => study.name).join(', ');
  if (name === undefined && studies.length > 1)
    throw invalid(
      `--study is missing: there are ${studies.length} studies in ${storage.address}`,
      `They are ${names}.`,
    );
  const found = name === undefined ? studies[0] : studies.find((study) => study.name === name);
  if (found !== undefined) return (await storage.findStudy(found.name))!;
  throw new LrdistError(
    'ERR_STUDY_NOT_FOUND',
    name === undefined
      ? `there is no study in ${storage.address}`
      : `there is no study "${name}" in ${storage.address}`,
    { remedy: studies.length === 0 ? 'Begin one with lrdist search.' : `The studies there are ${names}.` },
  );
}
