import { StrataError, isStrataError } from '@strata/kernel';

const codeOf = (e: unknown): string | undefined =>
  typeof e === 'object' && e !== null && 'code' in e && typeof e.code === 'string' ? e.code : undefined;

export const isMissing = (e: unknown): boolean => codeOf(e) === 'ENOENT' || codeOf(e) === 'ENOTDIR';

/** What a failing file system means to a caller; errors that are Strata's own pass through. */
export function fileSystemError(e: unknown, dir: string): StrataError {
  if (isStrataError(e)) return e;
  const message = e instanceof Error ? e.message : String(e);
  switch (codeOf(e)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new StrataError('disk_full', `no space is left for artifacts in ${dir}: free some and try again`, {
        cause: e,
      });
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
    case 'EEXIST': // a file where a folder should be
    case 'ENOTDIR':
      return new StrataError('not_writable', `the artifact folder ${dir} cannot be written (${message})`, { cause: e });
    default:
      return new StrataError('internal', `the artifact folder ${dir} failed: ${message}`, { cause: e });
  }
}

export const noSuchBlob = (sha256: string, cause?: unknown): StrataError =>
  new StrataError('not_found', `no artifact ${sha256} is stored`, { cause });

export const corrupt = (sha256: string, found: string): StrataError =>
  new StrataError(
    'storage_corrupt',
    `the stored artifact ${sha256} has become ${found}: restore it from a backup, or delete it and make it again`,
  );
