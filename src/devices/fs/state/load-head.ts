import type { FuseSession } from '../tree/file-system.ts';
import { refuseOptions } from './destination.ts';
import type { LoadedState } from './loaded-state.ts';
import type { RecordFields } from './record-fields.ts';

/** What a state announces about itself in its first record. */
export interface Totals {
  /** Bytes for contents at the source: its `--memory`. */
  readonly memory: number;
  /** Pages of contents that are used. */
  readonly pages: number;
  readonly inodes: number;
  readonly entries: number;
  readonly xattrs: number;
  readonly handles: number;
  readonly locks: number;
  readonly nextIno: number;
  readonly nextHandle: number;
  readonly generation: number;
}

/** Read the record of section `totals`. */
export function decodeTotals(fields: RecordFields): Totals {
  const totals = {
    memory: fields.u64('memory'),
    pages: fields.u64('pages'),
    inodes: fields.u64('inodes'),
    entries: fields.u64('entries'),
    xattrs: fields.u64('xattrs'),
    handles: fields.u64('handles'),
    locks: fields.u64('locks'),
    nextIno: fields.u64('nextIno'),
    nextHandle: fields.u64('nextHandle'),
    generation: fields.u64('generation'),
  };
  endOf(fields);
  return totals;
}

/** Take in the record of section `negotiated`. */
export function loadNegotiated({ fileSystem, destination }: LoadedState, fields: RecordFields): void {
  const session = decodeNegotiated(fields);
  if (fileSystem.session !== undefined)
    throw fields.error('ERR_FS_STATE_DUPLICATE', 'minor', 'a second record of what was negotiated');
  fileSystem.session = session;
  refuseOptions(session, destination);
}

/** Read the record of section `negotiated`. */
export function decodeNegotiated(fields: RecordFields): FuseSession {
  const minor = fields.u32('minor');
  const maxReadahead = fields.u32('maxReadahead');
  const maxWrite = fields.u32('maxWrite');
  fields.zero('reserved');
  const flags = fields.big('flags');
  endOf(fields);
  return { minor, flags, maxReadahead, maxWrite };
}

/** Throw where a record goes on behind its last field. */
export function endOf(fields: RecordFields): void {
  if (fields.remaining > 0)
    throw fields.error('ERR_FS_STATE_LENGTH', 'end', `${fields.remaining} bytes after the last field`);
}
