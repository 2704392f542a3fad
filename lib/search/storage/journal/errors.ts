import { LrdistError } from '../../../errors.ts';

const remedies: Readonly<Record<string, string>> = {
  ENOSPC: 'Make room and go on; everything that was finished before is in it.',
  EDQUOT: 'Make room within your quota and go on; everything that was finished before is in it.',
  EACCES: 'Look at the rights of the file and of its folder (a .lock file is made beside it).',
  EPERM: 'Look at the rights of the file and of its folder (a .lock file is made beside it).',
  EROFS: 'The disk takes no writing: give another path.',
  ENOENT: 'Look whether the folder is still there and the disk is mounted.',
  EISDIR: 'Give the path of a file.',
};

/** Errors of the file system as ERR_STORAGE; others as they are. */
export function understandFile(error: unknown, address: string): unknown {
  if (error instanceof LrdistError || !(error instanceof Error) || !('syscall' in error)) return error;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return new LrdistError('ERR_STORAGE', `storage ${address} cannot be read or written: ${error.message}`, {
    remedy: remedies[code] ?? 'Look whether the disk works and is mounted.',
    cause: error,
  });
}
