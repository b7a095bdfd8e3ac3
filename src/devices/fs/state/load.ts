import type { IncomingRecord, RecordReader } from '../../../state/index.ts';
import { type Destination, refuseTotals } from './destination.ts';
import { FsStateError } from './errors.ts';
import { loadContents } from './load-contents.ts';
import { decodeTotals, loadNegotiated, type Totals } from './load-head.ts';
import { loadHandles, loadLocks } from './load-session.ts';
import { loadEntries, loadInodes, loadXattrs } from './load-tree.ts';
import { LoadedState } from './loaded-state.ts';
import { RecordFields } from './record-fields.ts';
import { SECTION_ORDER, Sections } from './sections.ts';
import { verifyTree } from './verify.ts';

const loaders = new Map<string, (state: LoadedState, fields: RecordFields) => void>([
  [Sections.negotiated.name, loadNegotiated],
  [Sections.inodes.name, loadInodes],
  [Sections.entries.name, loadEntries],
  [Sections.xattrs.name, loadXattrs],
  [Sections.contents.name, loadContents],
  [Sections.handles.name, loadHandles],
  [Sections.locks.name, loadLocks],
]);

/**
 * Read a whole state and build what it says, beside whatever there is. Throws `FsStateError` where it makes no sense,
 * `FsRefusal` where it does not fit this device, and what `records` throws; nothing is kept then.
 */
export function loadState(records: RecordReader, destination: Destination): LoadedState {
  const totals = readTotals(records.next());
  refuseTotals(totals, destination);
  const state = new LoadedState(totals, destination);
  try {
    readSections(state, records);
    verifyTree(state);
    return state;
  } catch (error) {
    state[Symbol.dispose]();
    throw error;
  }
}

function readTotals(record: IncomingRecord | undefined): Totals {
  if (record?.section !== Sections.totals.name)
    throw new FsStateError(
      'ERR_FS_STATE_ORDER',
      Sections.totals.name,
      `expected as the first record, found ${record === undefined ? 'no record at all' : record.section}`,
    );
  return decodeTotals(new RecordFields(record.section, record.payload));
}

function readSections(state: LoadedState, records: RecordReader): void {
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
