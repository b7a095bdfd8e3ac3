import type { IncomingRecord, RecordReader } from '../../../../state/index.ts';
import { MAX_HANDLES } from '../../limits.ts';
import { MAX_LOCKS } from '../../locks/limits.ts';
import { refuseMore, refuseOptions } from '../../state/destination.ts';
import { decodeNegotiated, endOf } from '../../state/load-head.ts';
import { firstRecord, type Loader, readSections } from '../../state/read-sections.ts';
import type { RecordFields } from '../../state/record-fields.ts';
import { MAX_NODES } from '../limits.ts';
import { loadCarried, loadContents, loadXattrs } from './load-carried.ts';
import { loadHandles, loadListings, loadLocks, settleListings } from './load-handles.ts';
import { loadInodes } from './load-inodes.ts';
import { LoadedShare, type ShareDestination, type ShareTotals } from './loaded-share.ts';
import { SECTION_ORDER, Sections } from './sections.ts';
import { settleCarried } from './settle.ts';
import { verifyShare } from './verify.ts';

const loaders = new Map<string, Loader<LoadedShare>>([
  [Sections.negotiated.name, loadNegotiated],
  [Sections.inodes.name, loadInodes],
  [Sections.carried.name, loadCarried],
  [Sections.xattrs.name, loadXattrs],
  [Sections.contents.name, loadContents],
  [Sections.handles.name, loadHandles],
  [Sections.listings.name, loadListings],
  [Sections.locks.name, loadLocks],
]);

/**
 * Read a whole state and open everything that it says, beside whatever there is. Throws `FsStateError` where it makes no
 * sense, `FsRefusal` where it does not fit this device or its directory (`ERR_FS_MISMATCH` names the file), and what
 * `records` throws; nothing is kept then.
 */
export function loadShare(records: RecordReader, destination: ShareDestination): LoadedShare {
  const totals = readHead(records.next());
  refuseMore('inodes', totals.inodes, MAX_NODES);
  refuseMore('open handles', totals.handles, MAX_HANDLES);
  refuseMore('locks', totals.locks, MAX_LOCKS);
  const state = new LoadedShare(totals, destination);
  try {
    readSections(state, records, SECTION_ORDER, loaders);
    verifyShare(state);
    settleListings(state);
    settleCarried(state);
    return state;
  } catch (error) {
    state[Symbol.dispose]();
    throw error;
  }
}

function readHead(record: IncomingRecord | undefined): ShareTotals {
  const fields = firstRecord(record, Sections.head);
  const totals = {
    inodes: fields.u64('inodes'),
    handles: fields.u64('handles'),
    locks: fields.u64('locks'),
    nextNode: fields.u64('nextNode'),
    nextHandle: fields.u64('nextHandle'),
    generation: fields.u64('generation'),
  };
  endOf(fields);
  return totals;
}

function loadNegotiated({ share, destination }: LoadedShare, fields: RecordFields): void {
  const session = decodeNegotiated(fields);
  if (share.session !== undefined)
    throw fields.error('ERR_FS_STATE_DUPLICATE', 'minor', 'a second record of what was negotiated');
  refuseOptions(session, destination);
  share.session = session;
}
