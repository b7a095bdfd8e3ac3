import { fileScratch } from '../../../../sys/index.ts';
import { refuseName } from '../../state/load-tree.ts';
import type { RecordFields } from '../../state/record-fields.ts';
import { nameToBytes } from '../../tree/name.ts';

/** Bytes that a path can have: PATH_MAX of Linux less the NUL. */
export const PATH_LENGTH = 4095;

/** The address of `name`, one character per byte and at most `PATH_LENGTH` of them, closed by a NUL; good for one call. */
export function nameAddress(name: string): number {
  // Paths are too long for the place that names have.
  const { bytes, address } = fileScratch.buffer;
  nameToBytes(name, bytes, 0);
  bytes[name.length] = 0;
  return address;
}

/** Throw where `path` is not a row of such names, or is too long. */
export function refusePath(fields: RecordFields, path: string): void {
  if (path.length > PATH_LENGTH)
    throw fields.error(
      'ERR_FS_STATE_VALUE',
      'name',
      `a path of ${path.length} bytes, at most ${PATH_LENGTH}`,
    );
  for (const name of path.split('/')) refuseName(fields, name);
}
