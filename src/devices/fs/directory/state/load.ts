import type { IncomingRecord, RecordReader } from '../../../../state/index.ts';
import { MAX_HANDLES } from '../../limits.ts';
import { MAX_LOCKS } from '../../locks/limits.ts';
import { refuseMore, refuseOptions } from '../../state/destination.ts';
import { FsStateError } from '../../state/errors.ts';
import { decodeNegotiated, endOf } from '../../state/load-head.ts';
import { RecordFields } from '../../state/record-fields.ts';
import { MAX_NODES } from '../limits.ts';
import { loadCarried, loadContents, loadXattrs } from './load-carried.ts';
import { loadHandles, loadListings, loadLocks, settleListings } from './load-handles.ts';
import { loadInodes } from './load-inodes.ts';
import { LoadedShare, type ShareDestination, type ShareTotals } from './loaded-share.ts';
import { SECTION_ORDER, Sections } from './sections.ts';
import { settleCarried } from './settle.ts';
import { verifyShare } from './verify.ts';

const loaders = new Map<string, (state: LoadedShare, fields: RecordFields) => void>([
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
    readSections(state, records);
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
  if (record?.section !== Sections.head.name)
    throw new FsStateError(
      'ERR_FS_STATE_ORDER',
      Sections.head.name,
      `expected as the first record, found ${record === undefined ? 'no record at all' : record.section}`,
    );
  const fields = new RecordFields(record.section, record.payload);
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

function readSections(state: LoadedShare, records: RecordReader): void {
  let place = 0;
  for (let record = records.next(); record !== undefined; record = records.next()) {
    const name = record.section;
    const found = SECTION_ORDER.findIndex((section) => section.name === name);
    const load = loaders.get(name);
    if (load === undefined || found < place)
      throw new FsStateError(
        'ERR_FS_STATE_ORDER',
        name,
        `a record of this section after one of ${SECTION_ORDER[place]!.name}`,
      );
    place = found;
    load(state, new RecordFields(name, record.payload));
  }
}
